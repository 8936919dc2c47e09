"""The command `hiir restore`: restore files and folders on a running service.

Commands import what they need when they run: `--help` must not wait for the client.
"""

import argparse
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from hiir.cli.command import Commands, add_command
from hiir.cli.photo_plan import PhotoPlanError, PlannedPhoto, plan_photos, with_format

if TYPE_CHECKING:
    from hiir_client import Client

__all__ = ["add_restore_commands"]

_USAGE = 2
_LONGEST_PAUSE_S = 3600.0
"""A day's quota may be further away: then the file has failed, with the code of the quota."""
_RETRIES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    """What became of one photo."""

    source: str
    status: Literal["restored", "skipped", "failed"]
    target: str
    code: str | None = None
    detail: str | None = None
    request_id: str | None = None
    job_id: str | None = None


def add_restore_commands(commands: "Commands") -> None:
    """Add `restore` to the parser of `hiir`."""
    restore = add_command(
        commands,
        "restore",
        run=_restore,
        summary="restore photos on a running service",
        description="Restore files, and the photos in folders, on a running service (`hiir up`). "
        "Results keep their paths inside the folders. A result that exists is skipped, so that a "
        "command that was interrupted can be repeated. Exits with 0, with 1 if a photo failed, "
        "and with 2 for a command that cannot be carried out.",
        example="hiir restore holiday.jpg -o restored --task denoise\n"
        "hiir restore photos -o restored --task super-resolution --parameter scale=2 --recursive",
    )
    restore.add_argument("input", nargs="+", type=Path, help="files and folders")
    restore.add_argument("-o", "--output", type=Path, required=True, help="folder of the results")
    restore.add_argument("--task", required=True, help="task, or name of a model")
    restore.add_argument(
        "--parameter",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="parameter of the task or option of the result; can be repeated",
    )
    restore.add_argument("--format", default="same", help="format of the results")
    restore.add_argument("--recursive", action="store_true", help="include subfolders")
    restore.add_argument("--force", action="store_true", help="overwrite results that exist")
    restore.add_argument("--jobs", type=int, default=4, help="photos to restore at once")
    restore.add_argument("--url", default="http://127.0.0.1:8000", help="address of the service")
    restore.add_argument("--json", action="store_true", help="print one JSON object a photo")


def _restore(options: argparse.Namespace) -> int:
    from hiir_client import Client, RetryPolicy

    try:
        photos = _plan(options)
        parameters = dict(_read_parameter(text) for text in options.parameter)
        policy = RetryPolicy(retries=_RETRIES, longest_retry_after=_LONGEST_PAUSE_S)
        client = Client(options.url, api_key=os.environ.get("HIIR_API_KEY"), retries=policy)
    except (PhotoPlanError, ValueError) as error:
        print(f"hiir: {error}", file=sys.stderr)
        return _USAGE
    failed = 0
    pool = ThreadPoolExecutor(options.jobs)
    try:
        tasks = [pool.submit(_restore_one, client, photo, options, parameters) for photo in photos]
        for number, task in enumerate(tasks, start=1):
            outcome = task.result()
            failed += outcome.status == "failed"
            print(_describe(outcome, number, len(tasks), as_json=options.json), flush=True)
    finally:
        # After Ctrl-C the photos under way are finished, and no others are begun.
        pool.shutdown(cancel_futures=True)
        client.close()
    return 1 if failed else 0


def _plan(options: argparse.Namespace) -> tuple[PlannedPhoto, ...]:
    if options.jobs < 1:
        raise PhotoPlanError(f"--jobs must be at least 1, not {options.jobs}.")
    photos = plan_photos(
        options.input,
        output=options.output,
        recursive=options.recursive,
        image_format=options.format,
    )
    if not photos:
        raise PhotoPlanError("Found no photos; --recursive includes subfolders.")
    return photos


def _read_parameter(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise PhotoPlanError(f"--parameter is NAME=VALUE, not {text!r}.")
    return name, value


def _restore_one(
    client: "Client",
    photo: PlannedPhoto,
    options: argparse.Namespace,
    parameters: dict[str, str],
) -> _Outcome:
    from hiir_client import ApiError, HiirClientError

    source, target = str(photo.source), photo.target
    if target.exists() and not options.force:
        return _Outcome(source=source, status="skipped", target=str(target))
    try:
        job = client.jobs.wait(
            client.jobs.submit(
                photo.source, task=options.task, format=options.format, parameters=parameters
            ).id
        )
        # The service may write another format: a raw file has none that it could keep.
        target = with_format(target, "same" if job.output is None else job.output.format)
        target.parent.mkdir(parents=True, exist_ok=True)
        client.jobs.download(job, to=target, overwrite=options.force)
    except ApiError as error:
        return _Outcome(
            source=source,
            status="failed",
            target=str(target),
            code=error.code,
            detail=error.detail,
            request_id=error.request_id,
            job_id=error.job_id,
        )
    except (HiirClientError, OSError) as error:
        return _Outcome(source=source, status="failed", target=str(target), detail=str(error))
    return _Outcome(source=source, status="restored", target=str(target), job_id=job.id)


def _describe(outcome: _Outcome, number: int, count: int, *, as_json: bool) -> str:
    if as_json:
        return json.dumps(asdict(outcome))
    line = f"[{number}/{count}] {outcome.status}: {outcome.source}"
    if outcome.status == "failed":
        ids = {"request": outcome.request_id, "job": outcome.job_id}
        shown = "".join(f" [{name} {value}]" for name, value in ids.items() if value)
        return f"{line}: {outcome.code or 'error'}: {outcome.detail}{shown}"
    return f"{line} -> {outcome.target}"
