"""Training on a borrowed machine: a trainer that outlives the calls that feed it.

The machine is available for a few calls of a few minutes. The first call starts a trainer in a
separate session; later calls add data; each call copies the latest state back. `GPU.md` beside the
profiles describes the procedure.

    python -m hiir.training.detached_trainer start --plan PLAN.yaml --for 700s --output OUT
    python -m hiir.training.detached_trainer add --wait 420s --output OUT
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from hiir.training.duration import duration

__all__ = ["main"]

_HOME = Path("/tmp/hiir-trainer")  # noqa: S108 - no other user is on the machine
_LAST_LINES = 8  # of each log
_ARCHIVE = 15 * 2**20  # bytes of a file that comes back
_SAVED_EVERY_S = 20.0
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
    start.add_argument(
        "--plan", type=Path, required=True, help="runs, as hiir.training.planned_runs reads them"
    )
    start.add_argument("--for", dest="seconds", type=duration, required=True, help="e.g. 700s")
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
    """Copy the code and unpack the wheels; returns an environment in which both are found."""
    shutil.copytree(Path(__file__).parents[1], home / "code" / "hiir", dirs_exist_ok=True)
    for wheel in sorted(Path("wheels").glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(home / "packages")  # noqa: S202 - our own wheels
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
    for name in ("shards", "carried", "logs"):
        (home / name).mkdir(parents=True, exist_ok=True)
    environment = _install(home)
    _move_shards(options.shards, home)
    # The machine's working tree changes with the next call: the plan and what lies beside it stay.
    shutil.copytree(options.plan.parent, home / "plan", dirs_exist_ok=True)
    command = [sys.executable, "-m", "hiir.training.planned_runs"]
    command += [str(home / "plan" / options.plan.name)]
    command += ["--seconds", f"{options.seconds:g}", "--home", str(home)]
    with (home / "logs" / "plan.log").open("w") as log:
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
    until = time.monotonic() + options.wait
    while (left := until - time.monotonic()) > 0 and _runs(options.home):
        _wait(options.home, min(left, _SAVED_EVERY_S), until_begun=False)
        # A call that is cut off has left the latest weights.
        _write_home(options.home, options.output)
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
        if until_begun and any("images/s" in log.read_text() for log in _logs(home)):
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
    """Copy the results back, and print the ends of the logs and the state of the GPU."""
    _write_home(home, output)
    for log in _logs(home):
        _say(
            f"== {log.stem}", *(line[:200] for line in log.read_text().splitlines()[-_LAST_LINES:])
        )
    running = _runs(home)
    _say("the trainer runs" if running else "the trainer has ended", _card())
    return 0 if running or list((home / "carried").iterdir()) else 1


def _write_home(home: Path, output: Path) -> None:
    """Write the latest weights and the logs to ``output``, in few files."""
    output.mkdir(parents=True, exist_ok=True)
    carried = sorted((home / "carried").glob("[!.]*.safetensors"))
    for number, paths in enumerate(_grouped(carried), start=1):
        with tarfile.open(output / f"weights-{number}.tar", "w") as archive:
            for path in paths:
                archive.add(path, arcname=path.name)
    with tarfile.open(output / "logs.tar.gz", "w:gz") as archive:
        archive.add(home / "logs", arcname="logs")


def _logs(home: Path) -> list[Path]:
    return sorted((home / "logs").glob("*.log"))


def _grouped(paths: Sequence[Path]) -> Iterator[list[Path]]:
    """Group paths, in order, so that each group fits one file of the output."""
    group: list[Path] = []
    for path in paths:
        if group and sum(p.stat().st_size for p in [*group, path]) > _ARCHIVE:
            yield group
            group = []
        group.append(path)
    if group:
        yield group


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
