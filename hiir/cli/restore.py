"""The command `hiir restore`: restores files and folders on a running service, or on its own one.

Commands import their modules when they run, because `--help` must not wait for the client.
"""

import argparse
import os
import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from hiir.cli.command import Commands, add_command
from hiir.cli.photos.plan import PhotoPlanError, PlannedPhoto, plan_photo, plan_photos
from hiir.cli.photos.request import RestoreRequest, add_parameters, read_region, read_request

if TYPE_CHECKING:
    from hiir.cli.photos.report import Report
    from hiir.cli.photos.run import PhotoRun
    from hiir_client import Client

__all__ = ["add_restore_commands"]

_USAGE = 2
_INTERRUPTED = 128 + signal.SIGINT
_LONGEST_PAUSE_S = 3600.0
"""Longest pause for a quota; if a daily quota resets later, the file fails with the quota's code.
"""
_RETRIES = 200
"""Sufficient for an outage of about 20 minutes."""
_PIPE = Path("-")


def add_restore_commands(commands: "Commands") -> None:
    """Add `restore` to the parser of `hiir`."""
    restore = add_command(
        commands,
        "restore",
        run=_restore,
        summary="restore photos on a running service, or on one of its own",
        description="Restore files, and the photos in folders. Without --url the service of this "
        "machine is used (`hiir up`); if none runs, one is started and stopped again. Results keep "
        "their paths inside the folders, and existing files are never overwritten without --force. "
        "Exits with 0, with 1 if a photo failed, and with 2 for a command that cannot be carried "
        "out. Where the service requires an API key, set HIIR_API_KEY.",
        example="hiir restore holiday.jpg -o restored --task denoise\n"
        "hiir restore photos -o restored --task super-resolution --scale 2 --recursive\n"
        "hiir restore photos -o restored --task denoise --noise-level 25 --dry-run\n"
        "hiir restore photo.jpg -o trial --task denoise --strength 70 --region 1200,800,256,256\n"
        "hiir restore photos -o restored --task auto\n"
        "hiir restore scan.jpg -o restored --tasks jpeg-artifacts,super-resolution:2\n"
        "hiir restore photos -o restored --task denoise --resume\n"
        "hiir restore inbox -o restored --task jpeg-artifacts --format png --watch\n"
        "hiir restore - -o - --task denoise",
    )
    restore.add_argument(
        "input", nargs="+", type=Path, help="files and folders; `-` is standard input"
    )
    restore.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        help="folder of the results; `-` is standard output; a file for standard input",
    )
    chosen = restore.add_mutually_exclusive_group(required=True)
    chosen.add_argument(
        "--task", help="task, or name of a model; `auto` does what each photo needs, maybe nothing"
    )
    chosen.add_argument(
        "--tasks",
        metavar="TASK[:VALUE],...",
        help="several tasks in order, as in jpeg-artifacts,denoise:25,super-resolution:2",
    )
    add_parameters(restore)
    restore.add_argument(
        "--right", type=Path, metavar="PATH", help="right view of a dual-pixel photo, or a folder"
    )
    restore.add_argument("--recursive", action="store_true", help="include subfolders")
    restore.add_argument("--force", action="store_true", help="overwrite results that exist")
    restore.add_argument(
        "--resume",
        action="store_true",
        help="leave out photos that an earlier run has restored with the same parameters and model",
    )
    restore.add_argument(
        "--watch",
        action="store_true",
        help="restore photos as they appear in the folders, until Ctrl-C; implies --resume",
    )
    restore.add_argument(
        "--dry-run", action="store_true", help="show photos, megapixels and seconds, and end"
    )
    restore.add_argument(
        "--keep", action="store_true", help="do not delete the results on the service"
    )
    restore.add_argument("--jobs", type=int, default=4, help="photos to restore at once")
    restore.add_argument(
        "--url", help="address of the service (default: the one that runs on this machine)"
    )
    restore.add_argument("--json", action="store_true", help="print one JSON object a photo")


def _restore(options: argparse.Namespace) -> int:
    from hiir.cli.photos.local_service import ServiceError
    from hiir_client import HiirClientError

    try:
        _check(options)
        with ExitStack() as stack:
            if options.dry_run:
                return _dry_run(options)
            photos = () if options.watch or _is_piped(options) else _plan(options)
            client, request = stack.enter_context(_service(options))
            if _is_piped(options):
                return _pipe(client, request, options)
            return _run(client, request, options, photos)
    except (PhotoPlanError, ServiceError, HiirClientError, ValueError) as error:
        print(f"hiir: {error}", file=sys.stderr)
        return _USAGE
    except KeyboardInterrupt:
        return _INTERRUPTED


def _check(options: argparse.Namespace) -> None:
    """Check for options that cannot be combined.

    Raises:
        PhotoPlanError: if there are any.
    """
    if options.jobs < 1:
        raise PhotoPlanError(f"--jobs must be at least 1, not {options.jobs}.")
    if _is_piped(options) and (len(options.input) > 1 or options.watch or options.dry_run):
        raise PhotoPlanError("`-` is for one photo, without --watch and --dry-run.")
    if options.watch:
        for path in options.input:
            if not path.is_dir():
                raise PhotoPlanError(f"--watch is for folders, and {path} is not one.")


def _is_piped(options: argparse.Namespace) -> bool:
    return _PIPE in options.input or options.output == _PIPE


def _plan(options: argparse.Namespace) -> tuple[PlannedPhoto, ...]:
    photos = plan_photos(
        options.input,
        output=options.output,
        recursive=options.recursive,
        image_format=options.format or "same",
        right=options.right,
    )
    if not photos:
        raise PhotoPlanError("Found no photos; --recursive includes subfolders.")
    return photos


def _dry_run(options: argparse.Namespace) -> int:
    from hiir.cli.photos.estimate import show_estimate
    from hiir.cli.photos.local_service import find_tasks, running_service

    photos = _plan(options)
    key = _api_key()
    url = options.url or running_service(api_key=key)
    request = None
    if url is not None:  # no service is started just to predict the seconds
        request = read_request(options, find_tasks(url, api_key=key, retries=1))
    region = read_region(options.region)
    return show_estimate(photos, request, region=region, as_json=options.json)


@contextmanager
def _service(options: argparse.Namespace) -> Iterator[tuple["Client", RestoreRequest]]:
    """Yield a client of the service, and the request."""
    from hiir.cli.photos.local_service import find_tasks, own_service, running_service
    from hiir_client import Client, RetryPolicy

    key = _api_key()
    with ExitStack() as stack:
        url = options.url or running_service(api_key=key)
        if url is None:
            print("hiir: no service runs on this machine; starting one", file=sys.stderr)
            url = stack.enter_context(own_service())
            stack.callback(print, "hiir: stopping the service", file=sys.stderr)
            print(f"hiir: the service is ready at {url}", file=sys.stderr)
        request = read_request(options, find_tasks(url, api_key=key, retries=3))
        policy = RetryPolicy(retries=_RETRIES, longest_retry_after=_LONGEST_PAUSE_S)
        yield stack.enter_context(Client(url, api_key=key, retries=policy)), request


def _api_key() -> str | None:
    return os.environ.get("HIIR_API_KEY")


def _run(
    client: "Client",
    request: RestoreRequest,
    options: argparse.Namespace,
    photos: tuple[PlannedPhoto, ...],
) -> int:
    from hiir.cli.photos.journal import open_journal
    from hiir.cli.photos.pacing import Pacer
    from hiir.cli.photos.report import Report
    from hiir.cli.photos.run import PhotoRun

    with open_journal(options.output) as journal:
        run = PhotoRun(
            client=client,
            journal=journal,
            request=request,
            pacer=Pacer(lambda: client.rate_limits),
            force=options.force,
            resume=options.resume or options.watch,
            keep=options.keep,
        )
        report = Report(count=None if options.watch else len(photos), as_json=options.json)
        source = _watched(options) if options.watch else iter(photos)
        with report:
            is_interrupted = _restore_all(run, report, source, jobs=options.jobs)
        report.summarize()
    if is_interrupted and not options.watch:
        print("hiir: interrupted; --resume continues", file=sys.stderr)
        return _INTERRUPTED
    return 1 if report.has_failures else 0


def _restore_all(
    run: "PhotoRun", report: "Report", photos: Iterator[PlannedPhoto], *, jobs: int
) -> bool:
    """Restore all photos; returns whether Ctrl-C or SIGTERM has ended the run.

    The photos in progress are then finished, and no others are started; a second signal exits at
    once.
    """

    def restore(photo: PlannedPhoto) -> None:
        with report.photo(photo.source.name) as on_progress:
            outcome = run.restore(photo, on_progress=on_progress)
        report.finish(outcome)

    pool = ThreadPoolExecutor(jobs)
    tasks: list[Future[None]] = []
    is_interrupted = False
    with _on_termination():
        try:
            tasks.extend(pool.submit(restore, photo) for photo in photos)
            for task in tasks:
                task.result()
        except KeyboardInterrupt:
            is_interrupted = True
            print("hiir: finishing the photos under way", file=sys.stderr)
        try:
            pool.shutdown(cancel_futures=is_interrupted)
        except KeyboardInterrupt:
            # The threads cannot be interrupted; the journal has their results.
            sys.stderr.flush()
            os._exit(_INTERRUPTED)
    return is_interrupted


@contextmanager
def _on_termination() -> Iterator[None]:
    """Handle SIGTERM like Ctrl-C."""
    handler: Callable[[int, object], None] = lambda *_: _interrupt()  # noqa: E731
    before = signal.signal(signal.SIGTERM, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt() -> None:
    raise KeyboardInterrupt


def _watched(options: argparse.Namespace) -> Iterator[PlannedPhoto]:
    from hiir.cli.photos.watch import resting_photos

    print("hiir: watching; press Ctrl-C to stop", file=sys.stderr)
    for source, relative in resting_photos(
        options.input, output=options.output, recursive=options.recursive
    ):
        try:
            yield plan_photo(
                source,
                relative,
                output=options.output,
                image_format=options.format or "same",
                right=options.right,
            )
        except PhotoPlanError as error:
            print(f"hiir: {error}", file=sys.stderr)


def _pipe(client: "Client", request: RestoreRequest, options: argparse.Namespace) -> int:
    """Restore one photo from standard input, to standard output, or both."""
    from hiir_client import HiirClientError, JobOptions

    (source,) = options.input
    fields: JobOptions = {"parameters": request.fields}
    if options.right is not None:
        fields["file_right"] = options.right
    try:
        result = client.restore(
            sys.stdin.buffer.read() if source == _PIPE else source,
            task=request.task,
            filename="stdin" if source == _PIPE else None,
            to=None if options.output == _PIPE else options.output,
            overwrite=options.force,
            **fields,
        )
        if not options.keep:
            client.jobs.delete(result.job.id)
    except (HiirClientError, OSError) as error:
        print(f"hiir: {error}", file=sys.stderr)
        return 1
    if options.output == _PIPE:
        sys.stdout.buffer.write(result.read_bytes())
        sys.stdout.buffer.flush()
    return 0
