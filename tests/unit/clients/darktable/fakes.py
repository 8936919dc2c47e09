"""A fake of darktable's Lua API, and of the command `hiir`."""

import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lupa.lua54 import LuaRuntime

ROOT = Path(__file__).parents[4]
SCRIPT = ROOT / "clients/darktable/hiir_restore.lua"

# Records its arguments, and copies its standard input to the new file after `-o`.
HIIR = """\
#!{python}
import json, pathlib, sys
here = pathlib.Path(__file__).parent
with (here / "calls.jsonl").open("a") as calls:
    calls.write(json.dumps(sys.argv[1:]) + "\\n")
photo = sys.stdin.buffer.read()
if b"broken" in photo:
    print("hiir: image-corrupt: The file is damaged. [request 7]\\n", file=sys.stderr)
    sys.exit(1)
with pathlib.Path(sys.argv[sys.argv.index("-o") + 1]).open("xb") as target:
    target.write(b"restored " + photo)
"""


@dataclass(kw_only=True)
class FakeDarktable:
    """The part of the API that the script uses, with a real Lua and a real shell."""

    folder: Path
    running_os: str = "linux"
    api_major: int = 9
    preferences: dict[str, Any] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)
    """What `print` has shown."""
    commands: list[str] = field(default_factory=list)
    imported: list[str] = field(default_factory=list)
    """Paths."""
    groups: list[tuple[str, str]] = field(default_factory=list)
    """Names of the grouped image and of the image whose group it joined."""
    tags: list[tuple[str, str]] = field(default_factory=list)
    storages: dict[str, tuple[Any, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.lua = LuaRuntime()
        for name in ("photos", "tmp"):
            (self.folder / name).mkdir(exist_ok=True)
        self.hiir = self.folder / "bin" / "hiir"
        self.hiir.parent.mkdir(exist_ok=True)
        self.hiir.write_text(HIIR.format(python=sys.executable))
        self.hiir.chmod(0o755)

    def load(self) -> Any:
        """Run the script; returns what it returns."""
        self.lua.globals().package.loaded["darktable"] = self._module()
        script = self.lua.execute(SCRIPT.read_text())
        if self.preferences["program"] == "hiir":
            self.preferences["program"] = str(self.hiir)
        return script

    def image(self, filename: str, *, path: str | None = None) -> Any:
        return self._table(filename=filename, path=path or str(self.folder / "photos"))

    def export(self, *photos: tuple[Any, bytes], bpp: int = 16) -> None:
        """Export photos as darktable does: initialize, store each one, finalize."""
        _, store, finalize, _, initialize, _ = self.storages["hiir_restore"]
        images = self._table(**{f"image{n}": image for n, (image, _) in enumerate(photos)})
        form, extra = self._table(extension="tif", bpp=bpp), self._table()
        initialize(None, form, images, True, extra)
        for number, (image, content) in enumerate(photos, start=1):
            exported = self.folder / "tmp" / f"{Path(image.filename).stem}.tif"
            exported.write_bytes(content)
            store(None, image, form, str(exported), number, len(photos), True, extra)
        finalize(None, images, extra)

    def calls(self) -> list[list[str]]:
        """Return the arguments of each call of `hiir`."""
        record = self.hiir.parent / "calls.jsonl"
        lines = record.read_text().splitlines() if record.exists() else []
        return [json.loads(line) for line in lines]

    def _table(self, **fields: Any) -> Any:
        return self.lua.table_from(fields)

    def _module(self) -> Any:
        configuration = self._table(
            api_version_major=self.api_major,
            api_version_string=f"{self.api_major}.0.0",
            running_os=self.running_os,
            tmp_dir=str(self.folder / "tmp"),
        )
        return self._table(
            configuration=configuration,
            preferences=self._table(
                register=self._register,
                read=lambda _, name, kind: self._read(name, kind),
                write=lambda _, name, kind, value: self.preferences.update({name: value}),
            ),
            new_widget=lambda kind: lambda fields: fields,
            control=self._table(execute=self._execute),
            database=self._table(**{"import": self._import}),
            tags=self._table(
                create=lambda name: name,
                attach=lambda tag, image: self.tags.append((tag, image.filename)),
            ),
            register_storage=lambda name, *rest: self.storages.update({name: rest}),
            destroy_storage=self.storages.pop,
            print=self.messages.append,
            print_error=lambda message: None,
            print_log=lambda message: None,
        )

    def _register(self, script: str, name: str, kind: str, *rest: Any) -> None:
        assert script == "hiir_restore"
        assert kind in {"string", "integer"}
        self.preferences.setdefault(name, rest[2])

    def _read(self, name: str, kind: str) -> Any:
        value = self.preferences[name]
        assert isinstance(value, {"string": str, "integer": int}[kind])
        return value

    def _execute(self, command: str) -> int:
        if self.running_os == "windows":
            batch = command.strip('"')
            self.commands.append(Path(batch).read_bytes().decode())
            return 1
        self.commands.append(command)
        # `system` of C returns the wait status, in which an exit status is the second byte.
        return subprocess.run(["/bin/sh", "-c", command], check=False).returncode << 8

    def _import(self, path: str) -> Any:
        assert Path(path).is_file()
        image = self._table(
            filename=path, group_with=lambda a, b: self.groups.append((a.filename, b.filename))
        )
        self.imported.append(path)
        return image
