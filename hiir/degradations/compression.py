"""JPEG compression by libjpeg, the library behind nearly every JPEG file."""

import io
from enum import StrEnum

import numpy as np
from PIL import Image

from hiir.imaging import FloatPixels, from_unit, to_unit
from hiir.imaging.quantization import QuantizationTables, quantization_tables

__all__ = ["ChromaSubsampling", "compress_jpeg"]


class ChromaSubsampling(StrEnum):
    """The resolution of the chroma samples; gray images have none."""

    HALVED = "4:2:0"
    """Half resolution along both sides: what cameras and OpenCV write."""
    HALVED_WIDTH = "4:2:2"
    """Half resolution along rows: what some cameras and most video encoders write."""
    FULL = "4:4:4"


def compress_jpeg(
    image: FloatPixels,
    quality: int,
    *,
    subsampling: ChromaSubsampling = ChromaSubsampling.HALVED,
    phase: tuple[int, int] = (0, 0),
    tables: QuantizationTables = QuantizationTables.STANDARD,
    chroma_quality: int | None = None,
) -> FloatPixels:
    """Encode an image as JPEG and decode it again.

    Args:
        image: ``(H, W, 1 or 3)`` float32 [0, 1]; it is rounded to 8 bits and clipped first.
        quality: libjpeg's quality, 1 to 100.
        subsampling: chroma subsampling.
        phase: rows and columns, 0 to 15, by which the grid of blocks is shifted. A photo that was
            cropped after compression can have any phase.
        tables: quantization tables, which ``quality`` scales.
        chroma_quality: quality of the chroma table, 1 to 100; ``quality`` by default.

    Returns:
        ``(H, W, C)`` float32 [0, 1], multiples of 1/255.

    Raises:
        ValueError: if a quality is outside 1 to 100.
    """
    if chroma_quality is None:
        chroma_quality = quality
    for value in (quality, chroma_quality):
        if not 1 <= value <= 100:
            raise ValueError(f"JPEG quality must be from 1 to 100, not {value}")
    height, width, channels = image.shape
    top, left = phase
    shifted = np.pad(from_unit(image, np.uint8), ((top, 0), (left, 0), (0, 0)), mode="edge")
    file = io.BytesIO()
    # Pillow takes gray pixels without their channel axis.
    picture = Image.fromarray(shifted[..., 0] if channels == 1 else shifted)
    steps = quantization_tables(tables, quality=quality, chroma_quality=chroma_quality)
    picture.save(file, "JPEG", qtables=steps[:channels], subsampling=subsampling.value)
    with Image.open(file) as decoded:
        pixels = np.asarray(decoded).reshape(height + top, width + left, channels)
    return to_unit(pixels[top:, left:])
