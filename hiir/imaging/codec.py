"""Reads and writes image files in a separate process, for use in a service.

The functions are those of `decode` and `encode`, but a decoder that crashes, hangs or exhausts
memory does not affect the caller. Pixels are stored in files, and the caller loads neither libvips
nor Pillow.
"""

import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import BinaryIO

from hiir.imaging.analysis.photo_analysis import PhotoAnalysis
from hiir.imaging.bayer import BayerPattern
from hiir.imaging.camera_raw import Development, RawPhoto
from hiir.imaging.codec_messages import (
    Message,
    analysis_from_json,
    error_from_json,
    header_from_json,
    info_from_json,
    info_to_json,
    notes_from_json,
    receive,
    send,
)
from hiir.imaging.encoder import EncodedPhoto
from hiir.imaging.errors import CodecFailed, DecodingTimeout, ImageCorrupt
from hiir.imaging.formats import ImageFormat
from hiir.imaging.limits import ImageHeader, ImageLimits
from hiir.imaging.notes import Note
from hiir.imaging.options import PhotoOptions
from hiir.imaging.photo import DecodedImage, PhotoInfo
from hiir.imaging.pixel_file import PixelFile
from hiir.imaging.region import Region

# A process is replaced after this number of requests, or after its memory has grown this much.
_REQUESTS = 4000
_PEAK_BYTES = 512 * 1024**2
# Memory of the decoders themselves, their tables, and the bands in progress.
_OWN_BYTES = 512 * 1024**2
# Seconds after its time limit at which the process ends itself, in case its caller has disappeared.
_GRACE_SECONDS = 5
_ENCODING_SECONDS = 3600
_ENVIRONMENT = {
    "MALLOC_ARENA_MAX": "2",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "VIPS_CONCURRENCY": "1",
}


class Codec:
    """One process, started when it is needed. Only `kill` may be called from another thread."""

    def __init__(self, *, max_bytes: int, decode_seconds: float) -> None:
        """Create a codec; its process starts with the first request.

        Args:
            max_bytes: memory for one image, in addition to a constant.
            decode_seconds: time to decode one image.
        """
        self._max_bytes = max_bytes
        self._decode_seconds = decode_seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._link: socket.socket | None = None
        self._served = 0

    @property
    def pid(self) -> int | None:
        """Id of the process; None if it is not running."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start the process before it is needed, because loading its libraries takes a second."""
        if self._link is None:
            self._start()

    def close(self) -> None:
        """Stop the process."""
        process, self._process = self._process, None
        if self._link is not None:
            self._link.close()
            self._link = None
        if process is not None:
            process.kill()
            process.wait()

    def kill(self) -> None:
        """Make the current request fail immediately; may be called from any thread."""
        process = self._process
        if process is not None:
            process.kill()

    def probe(self, source: BinaryIO, frame: int | None = None) -> ImageHeader:
        """Call `hiir.imaging.probe` in the process; `source` is an open file on disk."""
        answer, _ = self._decoding({"operation": "probe", "frame": frame}, source)
        return header_from_json(answer["header"])

    def check(self, source: BinaryIO, limits: ImageLimits, options: PhotoOptions) -> PhotoInfo:
        """Decode the whole file and discard the result; raises the same errors as `decode`."""
        answer, _ = self._decoding(_decode_request(limits, options, keep=False), source)
        return info_from_json(answer["info"])

    def analyze(
        self, source: BinaryIO, limits: ImageLimits, options: PhotoOptions
    ) -> tuple[PhotoInfo, PhotoAnalysis]:
        """Run `check`, and measure the photo like `hiir.imaging.analyze_photo`."""
        request = {**_decode_request(limits, options, keep=False), "operation": "analyze"}
        answer, _ = self._decoding(request, source)
        return info_from_json(answer["info"]), analysis_from_json(answer["analysis"])

    def decode(self, source: BinaryIO, limits: ImageLimits, options: PhotoOptions) -> DecodedImage:
        """Run `hiir.imaging.decode` into `PixelFile` objects, which the caller closes.

        Raises:
            DecodingTimeout: if decoding exceeds the time limit.
            ImageCorrupt: if the file crashes the process.
            ImagingError: the errors of `hiir.imaging.decode`.
        """
        answer, files = self._decoding(_decode_request(limits, options, keep=True), source)
        info = info_from_json(answer["info"])
        planes = [
            PixelFile(shape, info.dtype, fd=file)
            for shape, file in zip((info.shape, info.shape[:2]), files, strict=False)
        ]
        return DecodedImage(
            info=info, pixels=planes[0], alpha=planes[1] if info.has_alpha else None
        )

    def check_raw(self, source: BinaryIO, limits: ImageLimits, options: PhotoOptions) -> PhotoInfo:
        """Run `check` for a camera raw file; raises the same errors as `read_camera_raw`."""
        answer, _ = self._decoding(_raw_request(limits, options, keep=False), source)
        return info_from_json(answer["info"])

    def decode_raw(self, source: BinaryIO, limits: ImageLimits, options: PhotoOptions) -> RawPhoto:
        """Decode a camera raw file to its mosaic and the processing that follows."""
        answer, files = self._decoding(_raw_request(limits, options, keep=True), source)
        info = info_from_json(answer["info"])
        pixels = PixelFile(info.shape, info.dtype, fd=files[0])
        return RawPhoto(
            image=DecodedImage(info=info, pixels=pixels, alpha=None),
            pattern=BayerPattern(answer["pattern"]),
            development=Development.from_rows(answer["matrix"]),
        )

    def encode(
        self, pixels: PixelFile, *, like: DecodedImage, options: PhotoOptions, target: BinaryIO
    ) -> EncodedPhoto:
        """Run `hiir.imaging.encode_to` into an open file on disk.

        Raises:
            CodecFailed: if the process crashes.
            ImagingError: the errors of `hiir.imaging.encode_to`.
        """
        request = {"operation": "encode", "options": options.to_json()}
        answer = self._encoding(request, pixels, like=like, target=target)
        return EncodedPhoto(
            format=ImageFormat(answer["format"]), notes=notes_from_json(answer["notes"])
        )

    def notes_on_result(self, photo: PhotoInfo, options: PhotoOptions) -> tuple[Note, ...]:
        """Return the notes that the result will have.

        This runs in the process because it parses untrusted XMP.

        Raises:
            CodecFailed: if the process crashes.
            ImagingError: if the format does not support the options.
        """
        request = {
            "operation": "notes",
            "info": info_to_json(photo),
            "options": options.to_json(),
        }
        try:
            answer, _ = self._ask(request, [], seconds=self._decode_seconds)
        except (EOFError, OSError) as error:
            raise CodecFailed("The process that encodes has ended.") from error
        return notes_from_json(answer["notes"])

    def write_preview(
        self,
        pixels: PixelFile,
        *,
        like: DecodedImage,
        max_side: int,
        target: BinaryIO,
        region: Region | None = None,
    ) -> tuple[int, int]:
        """Run `hiir.imaging.preview.write_preview` into an open file on disk.

        Returns:
            Width and height of the preview.

        Raises:
            CodecFailed: if the process crashes.
        """
        options = PhotoOptions(region=region)
        request = {"operation": "preview", "max_side": max_side, "options": options.to_json()}
        answer = self._encoding(request, pixels, like=like, target=target)
        return answer["width"], answer["height"]

    def _encoding(
        self, request: Message, pixels: PixelFile, *, like: DecodedImage, target: BinaryIO
    ) -> Message:
        planes = [pixels, *([like.alpha] if isinstance(like.alpha, PixelFile) else [])]
        described = {
            **request,
            "info": info_to_json(like.info),
            "shapes": [plane.shape for plane in planes],
            "dtypes": [plane.dtype.name for plane in planes],
        }
        files = [target.fileno(), *(plane.fd for plane in planes)]
        try:
            answer, _ = self._ask(described, files, seconds=_ENCODING_SECONDS)
        except TimeoutError as error:
            raise CodecFailed("Encoding took too long.") from error
        except (EOFError, OSError) as error:
            raise CodecFailed("The process that encodes has ended.") from error
        return answer

    def _decoding(self, request: Message, source: BinaryIO) -> tuple[Message, list[int]]:
        source.flush()  # The process reads the file, and cannot see buffered writes.
        try:
            return self._ask(request, [source.fileno()], seconds=self._decode_seconds)
        except TimeoutError as error:
            raise DecodingTimeout(
                f"The file takes longer to decode than {self._decode_seconds:g} seconds.",
                limit=int(self._decode_seconds),
            ) from error
        except (EOFError, OSError) as error:
            raise ImageCorrupt("The file makes its decoder crash.") from error

    def _ask(
        self, request: Message, files: Sequence[int], *, seconds: float
    ) -> tuple[Message, list[int]]:
        link = self._link or self._start()
        link.settimeout(seconds)
        try:
            send(link, {**request, "seconds": int(seconds) + _GRACE_SECONDS}, list(files))
            answer, results = receive(link)
        except BaseException:
            self.close()
            raise
        self._served += 1
        if self._served >= _REQUESTS or answer["peak_bytes"] > _PEAK_BYTES:
            self.close()
        if "error" in answer:
            raise error_from_json(answer["error"])
        return answer, results

    def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-m", "hiir.imaging.codec_process"]
            self._process = subprocess.Popen(  # noqa: S603 - ourselves
                [*command, str(theirs.fileno()), str(self._max_bytes + _OWN_BYTES)],
                env={**os.environ, **_ENVIRONMENT},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        self._link, self._served = ours, 0
        return ours


def _raw_request(limits: ImageLimits, options: PhotoOptions, *, keep: bool) -> Message:
    return {**_decode_request(limits, options, keep=keep), "operation": "decode-raw"}


def _decode_request(limits: ImageLimits, options: PhotoOptions, *, keep: bool) -> Message:
    return {
        "operation": "decode",
        "limits": asdict(limits),
        "options": options.to_json(),
        "keep": keep,
    }
