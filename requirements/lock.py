"""Write the locks: every package behind `pyproject.toml`, at the version that pip chooses for it.

`python requirements/lock.py` keeps the versions that are locked and still fit; with `--upgrade`
all of them move. pip itself resolves, so that what is locked is what the same pip installs.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import Version

FOLDER = Path(__file__).parent
ROOT = FOLDER.parent
# The largest first: the others are parts of it, at the same versions.
EXTRAS = {
    "dev": ("embedded", "otel", "train", "dev"),
    "train": ("embedded", "otel", "train"),
    "runtime": ("otel",),
}
# What redis asks for on the first releases of 3.11, whichever release resolves.
OLDER = 'async-timeout==5.0.1 ; python_full_version < "3.11.3"'
HEADER = "# Written by `make lock` from pyproject.toml; {what}. Do not edit.\n"
CONTENTS = {
    "dev": "everything that `make check`, `make test` and `make coverage` need",
    "train": "what `make up` needs: the embedded stack, training and export",
    "runtime": "what API and worker need in their images",
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Resolve and write all three files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--upgrade", action="store_true", help="forget the versions locked so far")
    options = parser.parse_args(arguments)
    constraint = None if options.upgrade else FOLDER / "dev.lock"
    for name, extras in EXTRAS.items():
        path = FOLDER / f"{name}.lock"
        lines = sorted({*resolve(extras, constraint=constraint), OLDER})
        path.write_text(HEADER.format(what=CONTENTS[name]) + "\n".join(lines) + "\n")
        constraint = FOLDER / "dev.lock"


def resolve(extras: Sequence[str], *, constraint: Path | None) -> Iterator[str]:
    """Yield `name==version` of each package that the project with these extras needs."""
    project = f"{ROOT}[{','.join(extras)}]" if extras else str(ROOT)
    with tempfile.NamedTemporaryFile(suffix=".json") as report:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run"]
        command += ["--ignore-installed", "--report", report.name, project]
        if constraint is not None and constraint.exists():
            command += ["--constraint", str(constraint)]
        subprocess.run(command, check=True)  # noqa: S603 - a fixed command
        items = json.load(report)["install"]
    for item in items:
        if "dir_info" in item["download_info"]:
            continue  # the project itself
        metadata = item["metadata"]
        # Without a local label such as `+cpu`: whoever installs takes the build that fits there.
        name = canonicalize_name(metadata["name"])
        if OLDER.startswith(f"{name}=="):
            continue
        yield f"{name}=={Version(metadata['version']).public}"


if __name__ == "__main__":
    main()
