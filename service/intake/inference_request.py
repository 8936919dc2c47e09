"""Receives an inference request of the Open Inference Protocol (KServe v2).

{"inputs": [{"name": "image", "datatype": "BYTES", "shape": [1], ...}]}   JSON
4 bytes little endian: length of the file | the file                      for each binary input

A binary input (`binary_data_size`) follows the JSON and is streamed to a temporary file. The header
`Inference-Header-Content-Length` gives the length of the JSON. Without binary data, the input is
base64 in `data`.
"""

import base64
import binascii
import struct
import tempfile
from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import BinaryIO

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers

from service.errors import BodyTooLargeError, InvalidRequestError, UnsupportedMediaTypeError
from service.intake.receive import Upload, count_body
from service.limits import MIB, Limits

IMAGE, IMAGE_RIGHT = "image", "image_right"
JSON_LENGTH = "inference-header-content-length"
_HEADER_BYTES = 64 * 1024
"""Maximum bytes of the JSON before binary data."""
_JSON_BYTES = 8 * MIB
"""Maximum bytes of a body that is only JSON, which is held in memory."""
_LENGTH = struct.Struct("<I")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Tensor(_Part):
    """One input, which is a file."""

    name: str
    datatype: str
    shape: list[int]
    parameters: dict[str, bool | int | float | str] = {}
    data: list[str] | None = None


class RequestedOutput(_Part):
    """An output that the client requests."""

    name: str
    parameters: dict[str, bool | int | float | str] = {}


class InferenceHeader(_Part):
    """The JSON part of a request."""

    id: str = ""
    parameters: dict[str, bool | int | float | str] = {}
    inputs: list[Tensor] = Field(min_length=1, max_length=2)
    outputs: list[RequestedOutput] = []

    @property
    def wants_binary(self) -> bool:
        """Whether the result follows the response's JSON as binary data."""
        for output in self.outputs:
            return output.parameters.get("binary_data") is True
        return self.parameters.get("binary_data_output") is True


@dataclass(frozen=True, slots=True, kw_only=True)
class InferenceRequest:
    """A received request."""

    header: InferenceHeader
    upload: Upload
    """The upload, with the job's parameters as its fields."""


async def receive_inference(
    *, headers: Headers, stream: AsyncIterator[bytes], limits: Limits
) -> InferenceRequest:
    """Receive the body of a request.

    Raises:
        BodyTooLargeError: if the body exceeds a limit.
        UploadInterruptedError: if the client disconnects.
        UnsupportedMediaTypeError: for a compressed body.
        InvalidRequestError: if the body violates the protocol.
    """
    if headers.get("content-encoding", "identity") != "identity":
        raise UnsupportedMediaTypeError(
            "Send the body without compression.", actual=headers["content-encoding"][:100]
        )
    body = _Body(count_body(headers, stream, limits.body_bytes))
    declared = headers.get(JSON_LENGTH)
    if declared is None:
        header = _parse(await body.rest(_JSON_BYTES))
    elif declared.isdecimal() and 0 < int(declared) <= _HEADER_BYTES:
        header = _parse(await body.take(int(declared)))
    else:
        raise InvalidRequestError(
            "Inference-Header-Content-Length is the length of the JSON in bytes.",
            limit=_HEADER_BYTES,
            actual=declared[:100],
        )
    _check(header)
    with ExitStack() as files:
        received: dict[str, BinaryIO] = {}
        for tensor in header.inputs:
            file = files.enter_context(tempfile.TemporaryFile())
            received[tensor.name] = file
            await _receive(tensor, body, file)
        await body.require_end()
        files.pop_all()  # from here on the upload owns the files
    fields = {
        name: _as_field(value)
        for name, value in header.parameters.items()
        if name != "binary_data_output"
    }
    upload = Upload(file=received[IMAGE], right=received.get(IMAGE_RIGHT), fields=fields)
    return InferenceRequest(header=header, upload=upload)


def _parse(text: bytes) -> InferenceHeader:
    try:
        return InferenceHeader.model_validate_json(text)
    except ValidationError as error:
        found = [
            {"name": ".".join(map(str, item["loc"])), "problem": item["msg"]}
            for item in error.errors(include_url=False, include_input=False)
        ]
        raise InvalidRequestError(
            "The body does not begin with the JSON of an inference request.", errors=found
        ) from error


def _check(header: InferenceHeader) -> None:
    names = [tensor.name for tensor in header.inputs]
    if names not in ([IMAGE], [IMAGE, IMAGE_RIGHT], [IMAGE_RIGHT, IMAGE]):
        raise InvalidRequestError(
            f"The inputs are {IMAGE} and, for two views, {IMAGE_RIGHT}.",
            actual=", ".join(names)[:100],
        )
    for tensor in header.inputs:
        if tensor.datatype != "BYTES" or set(tensor.shape) != {1}:
            raise InvalidRequestError(
                f"{tensor.name} is one image file: datatype BYTES, shape [1].",
                limit="BYTES [1]",
                actual=f"{tensor.datatype} {tensor.shape}"[:100],
            )
    unknown = [output.name for output in header.outputs if output.name != IMAGE]
    if unknown or len(header.outputs) > 1:
        raise InvalidRequestError(f"The only output is {IMAGE}.", limit=IMAGE)


async def _receive(tensor: Tensor, body: "_Body", file: BinaryIO) -> None:
    size = tensor.parameters.get("binary_data_size")
    if size is None:
        await run_in_threadpool(file.write, _decoded(tensor))
        return
    (length,) = _LENGTH.unpack(await body.take(_LENGTH.size))
    if isinstance(size, bool) or size != _LENGTH.size + length:
        raise InvalidRequestError(
            f"The binary data of {tensor.name} is the length of the file in 4 bytes, little "
            "endian, and the file.",
            limit=_LENGTH.size + length,
            actual=str(size)[:100],
        )
    await body.copy(length, file)


def _decoded(tensor: Tensor) -> bytes:
    if tensor.data is None or len(tensor.data) != 1:
        raise InvalidRequestError(
            f"{tensor.name} has neither binary data (binary_data_size) nor one text in data."
        )
    try:
        return base64.b64decode(tensor.data[0], validate=True)
    except (ValueError, binascii.Error):
        raise InvalidRequestError(
            f"The data of {tensor.name} is not base64; send the file as binary data instead."
        ) from None


def _as_field(value: bool | int | float | str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else f"{value:g}" if value % 1 else str(int(value))


class _Body:
    """Reads parts of known length from a stream."""

    def __init__(self, stream: AsyncIterator[bytes]) -> None:
        self._stream = stream
        self._buffer = b""

    async def take(self, size: int) -> bytes:
        """Return the next `size` bytes.

        Raises:
            InvalidRequestError: if the body ends before that.
        """
        while len(self._buffer) < size:
            self._buffer += await self._next()
        taken, self._buffer = self._buffer[:size], self._buffer[size:]
        return taken

    async def copy(self, size: int, file: BinaryIO) -> None:
        """Write the next `size` bytes to a file.

        Raises:
            InvalidRequestError: if the body ends before that.
        """
        while size:
            if not self._buffer:
                self._buffer = await self._next()
            piece, self._buffer = self._buffer[:size], self._buffer[size:]
            await run_in_threadpool(file.write, piece)
            size -= len(piece)

    async def rest(self, most: int) -> bytes:
        """Return all remaining bytes.

        Raises:
            BodyTooLargeError: if there are more than `most`.
        """
        body = bytearray(self._buffer)
        async for piece in self._stream:
            body += piece
            if len(body) > most:
                raise BodyTooLargeError(
                    f"JSON without binary data is limited to {most} bytes; send the image as "
                    "binary data.",
                    limit=most,
                    actual=len(body),
                )
        return bytes(body)

    async def require_end(self) -> None:
        """Check that the body has ended.

        Raises:
            InvalidRequestError: if any bytes remain.
        """
        left = len(self._buffer)
        async for piece in self._stream:
            left += len(piece)
        if left:
            raise InvalidRequestError(f"{left} bytes follow the inputs.", limit=0, actual=left)

    async def _next(self) -> bytes:
        async for piece in self._stream:
            if piece:
                return piece
        raise InvalidRequestError("The body ends before the inputs that it announces.")
