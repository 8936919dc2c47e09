"""Messages between a codec and its process: JSON and open files over a socket.

They are not pickled: a hostile file may take control of the process, so its messages are untrusted.
"""

import base64
import json
import socket
import struct
from dataclasses import asdict
from typing import Any

from hiir.imaging.analysis.measurement import Measurement
from hiir.imaging.analysis.photo_analysis import PhotoAnalysis
from hiir.imaging.errors import CodecFailed, ImagingError
from hiir.imaging.formats import ImageFormat
from hiir.imaging.limits import ImageHeader
from hiir.imaging.metadata import ImageMetadata
from hiir.imaging.notes import Note, NoteCode
from hiir.imaging.photo import PhotoInfo

_LENGTH = struct.Struct(">I")
_MAX_FILES = 4
# The maximum size of ICC, XMP and its extension, EXIF and texts in base64, and some overhead.
_MAX_BYTES = 16 * 1024 * 1024
_BYTES = ("icc_profile", "exif", "xmp", "extended_xmp", "photoshop", "png_text")

Message = dict[str, Any]


def send(link: socket.socket, message: Message, files: list[int]) -> None:
    """Send a message with open files.

    Raises:
        OSError: if the connection is closed.
    """
    data = json.dumps(message).encode()
    socket.send_fds(link, [_LENGTH.pack(len(data))], files)
    link.sendall(data)


def receive(link: socket.socket) -> tuple[Message, list[int]]:
    """Wait for a message.

    Raises:
        EOFError: if the connection is closed.
        TimeoutError: if no message arrives in time.
    """
    start, files, _, _ = socket.recv_fds(link, _LENGTH.size, _MAX_FILES)
    start += _read(link, _LENGTH.size - len(start)) if start else b""
    if not start:
        raise EOFError
    (length,) = _LENGTH.unpack(start)
    if length > _MAX_BYTES:
        raise EOFError
    return json.loads(_read(link, length)), files


def _read(link: socket.socket, length: int) -> bytes:
    data = bytearray()
    while len(data) < length:
        piece = link.recv(length - len(data))
        if not piece:
            raise EOFError
        data += piece
    return bytes(data)


def error_to_json(error: ImagingError) -> Message:
    """Convert an error to JSON values."""
    return {
        "code": error.code,
        "detail": error.detail,
        "limit": error.limit,
        "actual": error.actual,
    }


def error_from_json(values: Message) -> ImagingError:
    """Parse the output of `error_to_json`."""
    for kind in ImagingError.__subclasses__():
        if kind.code == values["code"]:
            return kind(values["detail"], limit=values["limit"], actual=values["actual"])
    return CodecFailed("The codec failed in an unknown way.")


def header_to_json(header: ImageHeader) -> Message:
    """Convert a header to JSON values."""
    return asdict(header)


def header_from_json(values: Message) -> ImageHeader:
    """Parse the output of `header_to_json`."""
    return ImageHeader(
        **{
            **values,
            "format": ImageFormat(values["format"]),
            "luma_steps": tuple(values["luma_steps"]),
        }
    )


def info_to_json(info: PhotoInfo) -> Message:
    """Convert the properties of a photo to JSON values."""
    metadata = {
        name: base64.b64encode(value).decode() if isinstance(value, bytes) else value
        for name, value in asdict(info.metadata).items()
    }
    metadata["comments"] = [base64.b64encode(text).decode() for text in info.metadata.comments]
    return {
        "header": header_to_json(info.header),
        "shape": info.shape,
        "has_alpha": info.has_alpha,
        "metadata": metadata,
        "notes": notes_to_json(info.notes),
    }


def info_from_json(values: Message) -> PhotoInfo:
    """Parse the output of `info_to_json`."""
    metadata = dict(values["metadata"])
    for name in _BYTES:
        if metadata[name] is not None:
            metadata[name] = base64.b64decode(metadata[name])
    for name in ("dpi", "pixel_aspect"):
        metadata[name] = None if metadata[name] is None else tuple(metadata[name])
    metadata["comments"] = tuple(base64.b64decode(text) for text in metadata["comments"])
    metadata["dropped"] = tuple(metadata["dropped"])
    height, width, channels = values["shape"]
    return PhotoInfo(
        header=header_from_json(values["header"]),
        shape=(height, width, channels),
        has_alpha=values["has_alpha"],
        metadata=ImageMetadata(**metadata),
        notes=notes_from_json(values["notes"]),
    )


def analysis_to_json(analysis: PhotoAnalysis) -> Message:
    """Convert the measurements of a photo to JSON values."""
    return asdict(analysis)


def analysis_from_json(values: Message) -> PhotoAnalysis:
    """Parse the output of `analysis_to_json`."""
    measured: dict[str, Any] = {
        name: None if item is None else Measurement(**item) for name, item in values.items()
    }
    return PhotoAnalysis(**measured)


def notes_to_json(notes: tuple[Note, ...]) -> list[Message]:
    """Convert notes to JSON values."""
    return [asdict(note) for note in notes]


def notes_from_json(values: list[Message]) -> tuple[Note, ...]:
    """Parse the output of `notes_to_json`."""
    return tuple(Note(code=NoteCode(item["code"]), detail=item["detail"]) for item in values)
