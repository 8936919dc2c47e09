"""The page's scripts are plain JavaScript whose types TypeScript checks by their comments."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SCRIPTS = Path(__file__).parents[4] / "service/api/page"
COMPILER = HERE / "node_modules/typescript/bin/tsc"
OPTIONS = {
    "target": "ES2022",
    "module": "ES2022",
    "moduleResolution": "bundler",
    "lib": ["ES2023", "DOM", "DOM.Iterable"],
    "allowJs": True,
    "checkJs": True,
    "noEmit": True,
    "strict": True,
    "types": [],
}


def check(folder: Path, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    node = shutil.which("node")
    if node is None or not COMPILER.exists():
        pytest.skip(f"Node or TypeScript is not installed: run `npm ci` in {HERE.name}")
    config = tmp_path / "tsconfig.json"
    config.write_text(json.dumps({"compilerOptions": OPTIONS, "include": [f"{folder}/*.js"]}))
    return subprocess.run(
        [node, COMPILER, "-p", config], capture_output=True, text=True, check=False
    )


def test_the_types_of_the_scripts_hold(tmp_path: Path) -> None:
    checked = check(SCRIPTS, tmp_path)
    assert (checked.returncode, checked.stdout) == (0, "")


def test_a_wrong_type_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "page"
    shutil.copytree(SCRIPTS, folder)
    with (folder / "limits.js").open("a") as file:
        file.write("\nnew Limits().take(1, 2).nothing;\n")
    assert "limits.js" in check(folder, tmp_path).stdout
