"""The page is in the wheel, and is served from there."""

import shutil
import site
import subprocess
import sys
import venv
from pathlib import Path

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.slow]
ROOT = Path(__file__).parents[4]
SERVE = """
import asyncio, sys, httpx, service
from service.api.app import create_app
from service.settings import AuthMode, Settings

assert service.__file__.startswith(sys.prefix), service.__file__
app = create_app(Settings(auth=AuthMode.KEYS, model_repository=sys.argv[1]))

async def ask():
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        for path in ("/", "/page/app.js", "/page/style.css", "/page/sample.webp", "/docs"):
            answer = await client.get(path)
            print(answer.status_code, path, len(answer.content))

asyncio.run(ask())
app.state.services.close()
"""


def test_a_wheel_in_a_fresh_environment_serves_the_page(tmp_path: Path) -> None:
    source = tmp_path / "source"
    skipped = shutil.ignore_patterns("__pycache__", "*.egg-info", "node_modules")
    for folder in ("hiir", "service", "clients"):
        shutil.copytree(ROOT / folder, source / folder, ignore=skipped)
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, source / file)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    build = ["wheel", "--no-deps", "--no-build-isolation", "-w", str(tmp_path), str(source)]
    subprocess.run([*pip, *build], check=True)
    (wheel,) = tmp_path.glob("hiir_restore-*.whl")

    # The packages that it needs are those of this environment: only the project itself is new.
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=False, symlinks=True)
    (packages,) = environment.glob("lib/python3*/site-packages")
    install = ["--target", str(packages), "--no-deps", "--no-compile", str(wheel)]
    subprocess.run([*pip, "install", *install], check=True)
    others = [path for path in sys.path if path.endswith("-packages")]
    (packages / "others.pth").write_text("\n".join([*others, *site.getsitepackages()]))
    served = subprocess.run(
        [environment / "bin/python", "-c", SERVE, ROOT / "model_repository"],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert served.returncode == 0, served.stderr[-2000:]
    lines = [line.split() for line in served.stdout.splitlines()]
    assert [line[0] for line in lines] == ["200"] * 5
    assert all(int(line[2]) > 1000 for line in lines)
