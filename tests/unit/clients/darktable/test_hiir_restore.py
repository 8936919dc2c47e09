"""The darktable script, in a real Lua: what it registers, runs, imports and shows."""

from pathlib import Path
from typing import Any

import pytest
from lupa.lua54 import LuaError

from tests.unit.clients.darktable.fakes import FakeDarktable

# All that a shell could take for something else.
NASTY = """it's "50%" $(touch pwned) `id` ; & | > ünï\\ *"""


@pytest.fixture
def darktable(tmp_path: Path) -> FakeDarktable:
    return FakeDarktable(folder=tmp_path)


def widgets(darktable: FakeDarktable) -> tuple[Any, Any]:
    """Return the combobox of tasks and the slider of the strength."""
    box = darktable.storages["hiir_restore"][5]
    return box[1], box[2]


def test_a_target_storage_for_tiff_is_registered(darktable: FakeDarktable) -> None:
    script = darktable.load()
    label, _, _, is_supported, _, _ = darktable.storages["hiir_restore"]
    assert label == "restore with Hi-IR"
    assert is_supported(None, darktable.lua.table_from({"extension": "tif"}))
    assert not is_supported(None, darktable.lua.table_from({"extension": "jpg"}))
    assert darktable.preferences.keys() == {"program", "url", "task", "strength"}
    tasks, strength = widgets(darktable)
    assert (tasks.value, strength.value) == ("auto", 100)
    script.destroy()
    assert darktable.storages == {}


def test_an_old_api_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LuaError, match=r"version 7 or later of darktable's Lua API, not 6.0.0"):
        FakeDarktable(folder=tmp_path, api_major=6).load()


def test_the_result_is_imported_beside_the_original_and_grouped(darktable: FakeDarktable) -> None:
    darktable.load()
    darktable.export((darktable.image("IMG_1.CR2"), b"tiff"))
    target = darktable.folder / "photos/IMG_1_restored.tif"
    assert target.read_bytes() == b"restored tiff"
    assert darktable.imported == [str(target)]
    assert darktable.groups == [(str(target), "IMG_1.CR2")]
    assert darktable.tags == [("hiir|restored", str(target))]
    assert darktable.messages == ["restoring IMG_1.CR2 (1 of 1)", "all photos are restored"]
    assert list((darktable.folder / "tmp").iterdir()) == []


def test_task_strength_and_address_are_passed_on_and_remembered(darktable: FakeDarktable) -> None:
    darktable.preferences["url"] = "http://gpu.local:8000"
    darktable.load()
    tasks, strength = widgets(darktable)
    tasks.value, strength.value = "denoise", 69.6
    darktable.export((darktable.image("a.nef"), b"tiff"))
    target = str(darktable.folder / "photos/a_restored.tif")
    expected = ["restore", "-", "-o", target, "--task", "denoise", "--strength", "70"]
    assert darktable.calls() == [[*expected, "--url", "http://gpu.local:8000"]]
    assert darktable.preferences["task"] == "denoise"
    assert darktable.preferences["strength"] == 70


@pytest.mark.parametrize(
    ("task", "option"),
    [("auto", "task"), ("super-resolution:2", "tasks"), ("jpeg-artifacts,denoise", "tasks")],
)
def test_the_command_line_is_one_of_hiir_restore(
    darktable: FakeDarktable, task: str, option: str
) -> None:
    from hiir.cli import _parser

    darktable.load()
    widgets(darktable)[0].value = task
    darktable.export((darktable.image("a.nef"), b"tiff"))
    (call,) = darktable.calls()
    options = _parser().parse_args(call)
    assert options.input == [Path("-")]
    assert options.output == darktable.folder / "photos/a_restored.tif"
    assert getattr(options, option) == task
    assert options.strength is None
    assert options.url is None


def test_file_names_are_quoted_for_the_shell(darktable: FakeDarktable) -> None:
    folder = darktable.folder / NASTY
    folder.mkdir()
    darktable.load()
    darktable.export((darktable.image(f"{NASTY}.CR2", path=str(folder)), b"tiff"))
    assert [path.name for path in folder.iterdir()] == [f"{NASTY}_restored.tif"]
    assert len(darktable.imported) == 1
    assert not Path("pwned").exists()


def test_file_names_are_quoted_for_a_batch_file(tmp_path: Path) -> None:
    darktable = FakeDarktable(folder=tmp_path, running_os="windows")
    darktable.preferences |= {"program": r"C:\Program Files\hiir.exe", "url": "http://a/%20"}
    darktable.load()
    darktable.export((darktable.image("50% & (best)^.NEF", path="C:\\Bilder ü"), b"tiff"))
    (batch,) = darktable.commands
    start = r'@"C:\Program Files\hiir.exe" restore - -o "C:\Bilder ü\50%% & (best)^_restored.tif"'
    assert batch.startswith(f"@chcp 65001 >nul\r\n{start} --task")
    assert '--url "http://a/%%20" < "' in batch
    assert batch.endswith(" 2>&1\r\n")


@pytest.mark.parametrize("value", ['denoise" & calc', "denoise\r\ncalc"])
def test_what_a_batch_file_cannot_quote_is_refused(tmp_path: Path, value: str) -> None:
    darktable = FakeDarktable(folder=tmp_path, running_os="windows")
    darktable.load()
    widgets(darktable)[0].value = value
    darktable.export((darktable.image("a.nef"), b"tiff"))
    assert darktable.commands == []
    assert "cannot contain quotation marks and line breaks" in darktable.messages[1]


def test_nothing_is_overwritten(darktable: FakeDarktable) -> None:
    photos = darktable.folder / "photos"
    for name in ("a_restored.tif", "a_restored_2.tif"):
        (photos / name).write_bytes(b"precious")
    darktable.load()
    darktable.export((darktable.image("a.nef"), b"tiff"))
    assert (photos / "a_restored.tif").read_bytes() == b"precious"
    assert (photos / "a_restored_2.tif").read_bytes() == b"precious"
    assert (photos / "a_restored_3.tif").read_bytes() == b"restored tiff"


def test_a_failure_shows_the_message_of_hiir_and_the_others_go_on(
    darktable: FakeDarktable,
) -> None:
    darktable.load()
    darktable.export((darktable.image("a.nef"), b"broken"), (darktable.image("b.nef"), b"tiff"))
    reason = "a.nef: hiir: image-corrupt: The file is damaged. [request 7]"
    assert darktable.messages == [
        "restoring a.nef (1 of 2)",
        reason,
        "restoring b.nef (2 of 2)",
        f"1 not restored\n{reason}",
    ]
    assert [Path(path).name for path in darktable.imported] == ["b_restored.tif"]
    assert list((darktable.folder / "tmp").iterdir()) == []


def test_a_missing_command_is_named(darktable: FakeDarktable) -> None:
    darktable.preferences["program"] = "/nowhere/hiir"
    darktable.load()
    darktable.export((darktable.image("a.nef"), b"tiff"))
    assert "/nowhere/hiir" in darktable.messages[1]
    assert darktable.imported == []


def test_another_bit_depth_is_refused(darktable: FakeDarktable) -> None:
    darktable.load()
    darktable.export((darktable.image("a.nef"), b"tiff"), bpp=32)
    assert darktable.messages[1] == "a.nef: choose TIFF with 16 bits per channel, not 32"
    assert darktable.calls() == []
