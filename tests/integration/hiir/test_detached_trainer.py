"""The rehearsal of `hiir/configs/profiles/GPU.md`: what a bare machine is given, and what it gives.

There is no git on the machine's path, the project is not installed, and neither the service's
packages nor the codecs can be imported.
"""

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml
from PIL import Image
from skimage.data import astronaut, coffee

from hiir.datasets.shards import write_shards
from hiir.models.presets import build_model
from hiir.training.portable_run import unpack_run
from hiir.training.run_folder import RunFolder

ROOT = Path(__file__).parents[3]
SHIPPED = ("denoise-color",)  # what the runs start from
MODELS = ("jpeg-color", "denoise-gray")
ABSENT = ("httpx", "onnx", "onnxruntime", "pyvips", "rawpy", "fastapi", "celery", "redis")
# Small enough for photos of 256 pixels, and for a CPU.
SMALL = (
    "data.tile=192",
    "data.buffer=8",
    "phases=[{until: 100, batch: 4, patch: 64}]",
    "data.train=[train]",
    "data.validation=validation",
    "validation_images=1",
    "validation_crop=64",
    "log_every=1",
    "checkpoint_seconds=4",
    "data.loader=tiles",
    "data.workers=1",
)


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A folder as it is carried there: code, one wheel, the first of three archives."""
    photos = tmp_path / "photos"
    for name, photo, count in (("train", astronaut(), 9), ("validation", coffee(), 1)):
        (photos / name).mkdir(parents=True)
        for number in range(count):
            crop = photo[20 * number : 20 * number + 256, 25 * number : 25 * number + 256]
            Image.fromarray(crop).save(photos / name / f"{number}.png")
    shards = write_shards(
        photos, ["train"], tmp_path / "all", max_bytes=450_000, first=["validation"]
    )
    assert len(shards) >= 3
    machine = tmp_path / "machine"
    unneeded = [path.name for path in (ROOT / "hiir/zoo").iterdir() if path.stem not in SHIPPED]
    shutil.copytree(
        ROOT / "hiir", machine / "hiir", ignore=shutil.ignore_patterns("__pycache__", *unneeded)
    )
    (machine / "shards").mkdir()
    (machine / "wheels").mkdir()
    with zipfile.ZipFile(machine / "wheels" / "absent-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr(
            "sitecustomize.py", f"import sys\nsys.modules.update(dict.fromkeys({ABSENT}))"
        )
    return machine


def call(machine: Path, *arguments: str, shard: Path) -> str:
    """One call: the code and one archive have travelled, the output comes back."""
    for old in (machine / "shards").iterdir():
        old.unlink()
    shutil.copy(shard, machine / "shards")
    home = machine.parent / "home"
    done = subprocess.run(
        [sys.executable, "-m", "hiir.training.detached_trainer", "--home", str(home), *arguments],
        cwd=machine,
        env={"PATH": str(machine / "nothing"), "PYTHONPATH": str(machine), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def plan(machine: Path) -> Path:
    """The second run begins later, by a configuration of its own beside the plan."""
    path = machine / "plan" / "plan.yaml"
    path.parent.mkdir()
    first, second = MODELS
    path.write_text(
        yaml.safe_dump(
            {
                "settings": list(SMALL),
                "runs": [
                    {"config": first, "begin": 0.0, "end": 0.8},
                    {"config": f"{second}.yaml", "begin": 0.3},
                ],
            }
        )
    )
    (path.parent / f"{second}.yaml").write_text(f"base: {second}\n")
    return path


def test_the_runs_of_a_plan_share_a_machine_and_come_back(machine: Path, tmp_path: Path) -> None:
    first, second, third, *_ = sorted((tmp_path / "all").iterdir())
    output = tmp_path / "output"
    start = ["start", "--plan", str(plan(machine)), "--for", "75s", "--output", str(output)]
    shown = call(machine, *start, shard=first)
    assert "the trainer runs" in shown
    assert f"== {MODELS[0]}" in shown
    call(machine, "add", "--output", str(output), shard=second)
    shown = call(machine, "add", "--wait", "200s", "--output", str(output), shard=third)
    assert "the trainer has ended" in shown
    assert len(list(output.iterdir())) <= 8
    assert all(path.stat().st_size < 16 * 2**20 for path in output.iterdir())
    for archive in (*output.glob("weights-*.tar"), output / "logs.tar.gz"):
        shutil.unpack_archive(archive, tmp_path / "back", filter="data")
    for model in MODELS:
        log = (tmp_path / "back" / "logs" / f"{model}.log").read_text()
        assert "Traceback" not in log
        assert log.count(" in total") == 3
        run = RunFolder(tmp_path / model)
        config = unpack_run(sorted((tmp_path / "back").glob(f"{model}-*.safetensors")), run)
        checkpoint = run.load()
        assert run.environment()["git"] == "unknown"
        lines = [json.loads(line) for line in run.log_lines()]
        rates = [line["lr"] for line in lines if "lr" in line]
        assert rates[-1] < 0.4 * max(rates)  # annealed: one slow step may be a large share
        network = build_model(config.preset, config.model)
        network.load_state_dict(dict(checkpoint.average))
