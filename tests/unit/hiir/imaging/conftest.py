"""Images as files."""

import io
import struct
import zlib
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from hiir.imaging import ImageLimits
from hiir.imaging.plugins import enable_heif

MakePixels = Callable[..., np.ndarray]
MakeFile = Callable[..., bytes]
Chunk = tuple[bytes, bytes]


@pytest.fixture
def make_pixels() -> MakePixels:
    """Noise, the hardest thing to keep bit for bit: `(height, width, channels)` uint8."""

    def make(height: int = 40, width: int = 56, channels: int = 3, seed: int = 7) -> np.ndarray:
        generator = np.random.default_rng(seed)
        return generator.integers(0, 256, (height, width, channels), dtype=np.uint8)

    return make


@pytest.fixture
def make_smooth() -> MakePixels:
    """A colorful gradient without symmetry, which lossy formats keep within a few levels."""

    def make(height: int = 40, width: int = 56, channels: int = 3) -> np.ndarray:
        down, right = np.mgrid[0:height, 0:width]
        planes = (4 * down + right, 2 * right, 200 - 3 * down, 40 + 2 * down + right)
        return np.stack(planes[:channels], axis=2).clip(0, 255).astype(np.uint8)

    return make


@pytest.fixture
def make_file(make_pixels: MakePixels) -> MakeFile:
    def make(image_format: str, *, image: Image.Image | None = None, **options: Any) -> bytes:
        if image_format == "HEIC":
            image_format = "HEIF"
            enable_heif()
        output = io.BytesIO()
        (image or Image.fromarray(make_pixels())).save(output, format=image_format, **options)
        return output.getvalue()

    return make


@pytest.fixture
def make_png() -> Callable[..., bytes]:
    """A PNG written chunk by chunk, for what no library writes."""

    def make(
        samples: np.ndarray,
        *,
        bit_depth: int,
        color_type: int = 0,
        before_header: Iterable[Chunk] = (),
        before_data: Iterable[Chunk] = (),
        size: tuple[int, int] | None = None,
    ) -> bytes:
        height, width = samples.shape[:2]
        width, height = size or (width, height)
        header = struct.pack(">IIBBBBB", width, height, bit_depth, color_type, 0, 0, 0)
        rows = b"".join(b"\0" + _pack_bits(row.ravel(), bit_depth) for row in samples)
        chunks = [
            *before_header,
            (b"IHDR", header),
            *before_data,
            (b"IDAT", zlib.compress(rows)),
            (b"IEND", b""),
        ]
        return b"\x89PNG\r\n\x1a\n" + b"".join(_png_chunk(kind, data) for kind, data in chunks)

    return make


@pytest.fixture
def any_size() -> ImageLimits:
    """Limits that leave small images alone."""
    return ImageLimits(min_side=1)


@pytest.fixture(scope="session")
def icc_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def _pack_bits(values: np.ndarray, bit_depth: int) -> bytes:
    bits = "".join(format(int(value), f"0{bit_depth}b") for value in values)
    bits = bits.ljust(-(-len(bits) // 8) * 8, "0")
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def _png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
