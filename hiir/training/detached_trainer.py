"""Training on a borrowed machine: a trainer that outlives the calls that feed it.

The machine is at hand for some calls of some minutes. The first starts a trainer in a session of
its own; the following bring it more data; each takes the latest state home. `GPU.md` beside the
profiles is the plan.

    python -m hiir.training.detached_trainer start --models denoise-color --for 540s --output OUT
    python -m hiir.training.detached_trainer add --wait 420s --output OUT
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path

from hiir.training.duration import duration

__all__ = ["main"]

_HOME = Path("/tmp/hiir-trainer")  # noqa: S108 - no other user is on the machine
_LAST_LINES = 40
_BEGUN_S = 90.0  # that a trainer may take to its first line of figures


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    options = _parser().parse_args(arguments)
    status: int = options.run(options)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--home", type=Path, default=_HOME, help=argparse.SUPPRESS)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    start = commands.add_parser("start", help="start the trainer")
    start.add_argument("--models", nargs="+", required=True, help="configurations to train")
    start.add_argument("--for", dest="seconds", type=duration, required=True, help="e.g. 540s")
    start.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    start.add_argument("--profile", default="auto", choices=("auto", "none", "gpu"))
    start.set_defaults(run=_start)
    smoke = commands.add_parser("smoke", help="measure training steps in all modes, with errors")
    smoke.add_argument("--preset", nargs="+", required=True)
    smoke.add_argument("--seconds", type=float, default=5.0, help="for each (default: %(default)s)")
    smoke.add_argument("--batch-pixels", type=int, default=2**21)
    smoke.add_argument("--output", type=Path, required=True, help="what comes back")
    smoke.set_defaults(run=_smoke)
    add = commands.add_parser("add", help="bring archives to the trainer")
    add.set_defaults(run=_add)
    for command in (start, add):
        command.add_argument(
            "--shards", type=Path, default=Path("shards"), help="folder of archives"
        )
        command.add_argument("--output", type=Path, required=True, help="what comes back")
        command.add_argument(
            "--wait",
            type=duration,
            default=0.0,
            help="wait so long for the trainer to end (default: until it has begun)",
        )
    return parser


def _install(home: Path) -> dict[str, str]:
    """Copy the code and unpack the wheels; returns the environment in which both are found."""
    shutil.copytree(Path(__file__).parents[1], home / "code" / "hiir", dirs_exist_ok=True)
    for wheel in sorted(Path("wheels").glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(home / "packages")
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(home / "code"), str(home / "packages")]),
        "PYTHONUNBUFFERED": "1",
    }


def _smoke(options: argparse.Namespace) -> int:
    options.output.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "hiir.training.throughput"]
    command += ["--seconds", str(options.seconds), "--batch-pixels", str(options.batch_pixels)]
    for preset in options.preset:
        command += ["--preset", preset]
    environment = _install(options.home)
    with (options.output / "smoke.jsonl").open("w") as file:
        done = subprocess.run(  # noqa: S603 - this very program
            command, stdout=file, env=environment, cwd=options.home, check=False
        )
    _say((options.output / "smoke.jsonl").read_text(), _card())
    return done.returncode


def _start(options: argparse.Namespace) -> int:
    home: Path = options.home
    (home / "shards").mkdir(parents=True, exist_ok=True)
    (home / "carried").mkdir(exist_ok=True)
    environment = _install(home)
    _move_shards(options.shards, home)
    command = [sys.executable, "-m", "hiir.cli", "train", *options.models]
    command += ["--for", f"{options.seconds:g}s", "--profile", options.profile]
    command += ["--carry", str(home / "carried"), "--run-dir", str(home / "runs")]
    # Eight files come back from a call, the log among them.
    command += ["--carry-files", str(max(7 // len(options.models), 1))]
    if len(options.models) == 1:
        command[-3] = str(home / "runs" / Path(options.models[0]).stem)
    paths = {"shards": home / "shards", "root": home / "data", "cache": home / "cache"}
    for value in (*(f"data.{key}={path}" for key, path in paths.items()), *options.set):
        command += ["--set", value]
    with (home / "trainer.log").open("w") as log:
        process = subprocess.Popen(  # noqa: S603 - this very program
            command,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=home,
            env=environment,
            start_new_session=True,
        )
    state = {"pid": process.pid, "command": command}
    (home / "trainer.json").write_text(json.dumps(state))
    _wait(home, options.wait or _BEGUN_S, until_begun=not options.wait)
    return _take_home(home, options.output)


def _add(options: argparse.Namespace) -> int:
    _move_shards(options.shards, options.home)
    _wait(options.home, options.wait, until_begun=False)
    return _take_home(options.home, options.output)


def _move_shards(shards: Path, home: Path) -> None:
    for shard in sorted(shards.glob("shard-*.tar")):
        # Under another name first: the trainer takes what is called a shard for whole.
        scratch = home / "shards" / f".{shard.name}"
        shutil.copyfile(shard, scratch)
        scratch.replace(home / "shards" / shard.name)


def _wait(home: Path, seconds: float, *, until_begun: bool) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until and _runs(home):
        if until_begun and "images/s" in (home / "trainer.log").read_text():
            return
        time.sleep(0.5)


def _runs(home: Path) -> bool:
    pid = json.loads((home / "trainer.json").read_text())["pid"]
    try:
        finished, _ = os.waitpid(pid, os.WNOHANG)  # a child of this very call
    except ChildProcessError:
        status = Path(f"/proc/{pid}/stat")
        # The child of another process: gone, or ended and not yet waited for.
        return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"
    return finished == 0


def _take_home(home: Path, output: Path) -> int:
    """Copy the latest state and the log; prints the end of the log and what the card does."""
    output.mkdir(parents=True, exist_ok=True)
    log = home / "trainer.log"
    for path in (log, *(home / "carried").glob("*.safetensors")):
        shutil.copyfile(path, output / path.name)
    lines = log.read_text().splitlines()[-_LAST_LINES:]
    running = _runs(home)
    _say(*lines, "the trainer runs" if running else "the trainer has ended", _card())
    return 0 if running or list((home / "carried").glob("*.safetensors")) else 1


def _card() -> str:
    query = "--query-gpu=name,utilization.gpu,memory.used,memory.total,power.draw"
    try:
        done = subprocess.run(  # noqa: S603 - no word of it comes from outside
            ["nvidia-smi", query, "--format=csv,noheader"],  # noqa: S607 - where the driver puts it
            capture_output=True,
            text=True,
            check=False,
            timeout=20,
        )
    except (OSError, subprocess.TimeoutExpired):
        return "no card"
    return done.stdout.strip()


def _say(*lines: str) -> None:
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main())
