"""The form of a submission."""

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, TypedDict

from hiir_client.effects import FilePart, Request
from hiir_client.models import Priority, WebhookEvent
from hiir_client.sources import Source, file_part

_TEXTS = {False: "false", True: "true"}


class BatchOptions(TypedDict, total=False):
    """Options of jobs and batches; `client.tasks.list()` names the parameters of each task."""

    scale: int
    """For `super-resolution`: the upscaling factor."""
    source: Literal["clean", "photo"]
    """For `super-resolution`: the kind of file.

    `clean` was only reduced; `photo` is also noisy or compressed.
    """
    pattern: Literal["RGGB", "BGGR", "GRBG", "GBRG"]
    """For `demosaic`: the colors of the four pixels at the top left, row by row."""
    noise_level: float | Literal["auto"]
    """For `denoise`: standard deviation of the noise on the scale of 255."""
    file_right: Source
    """For `defocus-deblur`: the right view of a dual-pixel sensor."""
    format: str
    """Format of the result; `same` by default."""
    quality: int
    """1 to 100, for JPEG, WebP, AVIF and HEIC."""
    lossless: bool
    """Write lossless WebP."""
    bit_depth: Literal["preserve", 8, 16]
    """Bits per sample of the result."""
    metadata: str
    """Which of EXIF, XMP and resolution to keep."""
    color: str
    """Keep the color profile, or convert to sRGB."""
    background: str
    """Color to flatten transparency onto: `#RRGGBB`."""
    frame: int
    """Frame or page to restore, from 0."""
    strength: int
    """0 to 100: share of the restoration in percent; the rest is the original photo."""
    region: tuple[int, int, int, int]
    """Left, top, width and height in pixels of the upright photo: restore only this part."""
    webhook_url: str
    webhook_events: Sequence[WebhookEvent]
    client_metadata: Mapping[str, str]
    """Up to 16 strings, returned with the job and its webhooks."""
    no_cache: bool
    """Restore the image even if the service has the result of an earlier job."""
    parameters: Mapping[str, str]
    """Further fields of the form, for parameters that this version does not know."""


class JobOptions(BatchOptions, total=False):
    """Options of single jobs."""

    priority: Priority
    """`batch` for jobs that are not urgent; jobs of batches always have it."""


def submission(
    path: str,
    sources: Iterable[Source],
    *,
    task: str,
    filename: str | None = None,
    client_id: str | None = None,
    idempotency_key: str | None = None,
    options: JobOptions | BatchOptions,
    dry_run: bool = False,
) -> Request:
    """Return the request that submits files.

    Several tasks with their values, for example `denoise:25,super-resolution:2`, form one job.
    Without a `client_id` the request has an idempotency key, so that a retry cannot create a second
    job.
    """
    files = [file_part(source, filename=filename) for source in sources]
    headers: dict[str, str] = {}
    fields = {"tasks" if _is_chain(task) else "task": task}
    for name, value in options.items():
        if name == "parameters":
            fields |= dict(options.get("parameters", {}))
        elif name == "no_cache":
            headers |= {"Cache-Control": "no-cache"} if value else {}
        elif name == "file_right":
            files.append(file_part(options["file_right"], name=name))
        elif value is not None:
            fields[name] = _to_text(value)
    if dry_run:
        fields["dry_run"] = "true"
    key = idempotency_key or (uuid.uuid4().hex if client_id is None else None)
    headers |= {} if key is None else {"Idempotency-Key": key}
    return Request(
        method="POST" if client_id is None else "PUT",
        path=path if client_id is None else f"{path}/{quote_id(client_id)}",
        headers=headers,
        fields=fields,
        files=_checked(files),
    )


def analysis(source: Source, *, filename: str | None, frame: int | None) -> Request:
    """Return the request that analyzes a file."""
    return Request(
        method="POST",
        path="/v1/analyses",
        fields={} if frame is None else {"frame": str(frame)},
        files=_checked([file_part(source, filename=filename)]),
    )


def _is_chain(task: str) -> bool:
    return bool(set(task) & set(",:"))


def quote_id(value: str) -> str:
    """Return an id quoted for a path.

    Raises:
        ValueError: if it cannot be an id.
    """
    if not value or not value.isascii() or set(value) & set("/?#% ") or value in {".", ".."}:
        raise ValueError(f"An id is one part of a path, not {value!r:.100}.")
    return value


def _to_text(value: object) -> str:
    if isinstance(value, bool):
        return _TEXTS[value]
    if isinstance(value, Mapping):
        return json.dumps(dict(value))
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ",".join(map(str, value))
    return str(value)


def _checked(files: list[FilePart]) -> tuple[FilePart, ...]:
    if not files:
        raise ValueError("A submission needs at least one file.")
    return tuple(files)
