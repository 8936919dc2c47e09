"""The process that reads and writes image files: `python -m ... SOCKET BYTES`.

It contains the effects of hostile files: memory is limited, an alarm ends slow operations, and only
the files of the current request are open.
"""

import os
import re
import resource
import signal
import socket
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from hiir.imaging.analysis.photo_analysis import analyze_photo
from hiir.imaging.camera_raw import read_camera_raw
from hiir.imaging.codec_messages import (
    Message,
    analysis_to_json,
    error_to_json,
    header_to_json,
    info_from_json,
    info_to_json,
    notes_to_json,
    receive,
    send,
)
from hiir.imaging.decoder import open_photo, probe
from hiir.imaging.encoder import encode_to
from hiir.imaging.errors import CodecFailed, DiskFull, ImageTooLarge, ImagingError
from hiir.imaging.limits import ImageLimits
from hiir.imaging.notes_on_encoding import notes_on_result
from hiir.imaging.options import PhotoOptions
from hiir.imaging.photo import DecodedImage, PhotoBand, PhotoInfo
from hiir.imaging.pixel_file import DISK_FULL_ERRNOS, PixelFile
from hiir.imaging.preview import write_preview

Files = list[int]
_LEAST_FREE_BYTES = 64 * 1024


def main(arguments: list[str]) -> None:
    """Answer requests until the connection is closed."""
    descriptor, limit = (int(argument) for argument in arguments)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # The caller ends this process by closing the socket; signals are meant for its parent.
    for meant_for_parent in (signal.SIGINT, signal.SIGTERM):
        signal.signal(meant_for_parent, signal.SIG_IGN)
    warnings.simplefilter("ignore")  # Pillow warns about anything unusual in a file
    _keep_standard_error_to_ourselves()
    with socket.socket(fileno=descriptor) as link, suppress(EOFError, OSError):
        while True:
            _serve(link)


def _keep_standard_error_to_ourselves() -> None:
    """Discard messages of decoders about unusual files, which would fill the caller's log."""
    sys.stderr = os.fdopen(os.dup(2), "w")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)


def _serve(link: socket.socket) -> None:
    request, files = receive(link)
    try:
        signal.alarm(request["seconds"])
        answer, results = _answer(request, files)
    finally:
        signal.alarm(0)
        for file in files:
            os.close(file)
    try:
        answer["peak_bytes"] = _peak_bytes()
        send(link, answer, results)
    finally:
        for file in results:
            os.close(file)


def _answer(request: Message, files: Files) -> tuple[Message, Files]:
    try:
        return _OPERATIONS[request["operation"]](request, files)
    except ImagingError as error:
        problem = error
    except MemoryError:
        problem = ImageTooLarge("The image needs more memory than there is for one.")
    except Exception as error:  # noqa: BLE001 - sent to the process that asked
        if isinstance(error, OSError) and _disk_is_full(error, files):
            problem = DiskFull("There is no disk space left for temporary files.")
        else:
            traceback.print_exc()
            problem = CodecFailed("The codec failed in an unexpected way.")
    return {"error": error_to_json(problem)}, []


def _disk_is_full(error: OSError, files: Files) -> bool:
    """Return whether a write failed for lack of space; encoders do not report the cause."""
    if error.errno in DISK_FULL_ERRNOS:
        return True
    return any(_free_bytes(file) < _LEAST_FREE_BYTES for file in files)


def _free_bytes(file: int) -> int:
    status = os.fstatvfs(file)
    return status.f_bavail * status.f_frsize


def _probe(request: Message, files: Files) -> tuple[Message, Files]:
    with _open(files[0]) as source:
        return {"header": header_to_json(probe(source, request["frame"]))}, []


@contextmanager
def _opened_photo(
    request: Message, files: Files
) -> Iterator[tuple[PhotoInfo, Iterator[PhotoBand]]]:
    limits = ImageLimits(**request["limits"])
    options = PhotoOptions.from_json(request["options"])
    with _open(files[0]) as source, open_photo(source, limits, options) as opened:
        yield opened


def _decode(request: Message, files: Files) -> tuple[Message, Files]:
    with ExitStack() as made:
        info, bands = made.enter_context(_opened_photo(request, files))
        if not request["keep"]:
            for _ in bands:
                pass
            return {"info": info_to_json(info)}, []
        planes = [made.enter_context(PixelFile(shape, info.dtype)) for shape in _shapes(info)]
        for band in bands:
            samples = [band.color] if band.alpha is None else [band.color, band.alpha]
            for plane, rows in zip(planes, samples, strict=True):
                plane[band.top : band.top + len(rows)] = rows
        return {"info": info_to_json(info)}, [os.dup(plane.fd) for plane in planes]


def _analyze(request: Message, files: Files) -> tuple[Message, Files]:
    with ExitStack() as made:
        info, bands = made.enter_context(_opened_photo(request, files))
        pixels = made.enter_context(PixelFile(info.shape, info.dtype))
        for band in bands:
            pixels[band.top : band.top + len(band.color)] = band.color
        analysis = analyze_photo(pixels, luma_steps=info.header.luma_steps)
    return {"info": info_to_json(info), "analysis": analysis_to_json(analysis)}, []


def _decode_raw(request: Message, files: Files) -> tuple[Message, Files]:
    options = PhotoOptions.from_json(request["options"])
    with _open(files[0]) as source:
        raw = read_camera_raw(source, ImageLimits(**request["limits"]), options.metadata)
    answer: Message = {
        "info": info_to_json(raw.info),
        "pattern": raw.pattern.value,
        "matrix": raw.development.matrix,
    }
    if not request["keep"]:
        return answer, []
    with PixelFile(raw.samples.shape, raw.samples.dtype) as pixels:
        pixels[0 : len(raw.samples)] = raw.samples
        return answer, [os.dup(pixels.fd)]


def _encode(request: Message, files: Files) -> tuple[Message, Files]:
    with _opened_for_writing(request, files) as (stream, pixels, like):
        options = PhotoOptions.from_json(request["options"])
        written = encode_to(stream, pixels, like=like, options=options)
    return {"format": written.format.value, "notes": notes_to_json(written.notes)}, []


def _preview(request: Message, files: Files) -> tuple[Message, Files]:
    with _opened_for_writing(request, files) as (stream, pixels, like):
        width, height = write_preview(
            stream,
            pixels,
            like=like,
            max_side=request["max_side"],
            region=PhotoOptions.from_json(request["options"]).region,
        )
    return {"width": width, "height": height}, []


def _notes(request: Message, _: Files) -> tuple[Message, Files]:
    info = info_from_json(request["info"])
    notes = notes_on_result(info, PhotoOptions.from_json(request["options"]))
    return {"notes": notes_to_json(notes)}, []


@contextmanager
def _opened_for_writing(
    request: Message, files: Files
) -> Iterator[tuple[BinaryIO, PixelFile, DecodedImage]]:
    """Open the target, and the pixels and the photo that `request` describes."""
    info = info_from_json(request["info"])
    target, *planes = (os.dup(file) for file in files)
    with ExitStack() as taken:
        stream = taken.enter_context(os.fdopen(target, "wb"))
        pixels, *alphas = (
            taken.enter_context(PixelFile(tuple(shape), dtype, fd=plane))
            for shape, dtype, plane in zip(
                request["shapes"], request["dtypes"], planes, strict=True
            )
        )
        yield (
            stream,
            pixels,
            DecodedImage(info=info, pixels=pixels, alpha=alphas[0] if alphas else None),
        )


def _peak_bytes() -> int:
    """Return the peak resident set; `getrusage` would include the parent's memory before `exec`."""
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


def _shapes(info: PhotoInfo) -> list[tuple[int, ...]]:
    return [info.shape, info.shape[:2]] if info.has_alpha else [info.shape]


def _open(file: int) -> BinaryIO:
    return os.fdopen(os.dup(file), "rb")


_OPERATIONS: Mapping[str, Callable[[Message, Files], tuple[Message, Files]]] = {
    "analyze": _analyze,
    "probe": _probe,
    "decode": _decode,
    "decode-raw": _decode_raw,
    "encode": _encode,
    "notes": _notes,
    "preview": _preview,
}

if __name__ == "__main__":
    main(sys.argv[1:])
