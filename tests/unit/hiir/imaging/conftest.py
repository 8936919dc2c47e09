"""Images as files, and a contract to restore them by."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from hiir.imaging import ModelContract

MakePixels = Callable[..., np.ndarray]
MakeFile = Callable[..., bytes]


@pytest.fixture
def make_pixels() -> MakePixels:
    def make(height: int = 40, width: int = 56, channels: int = 3, seed: int = 7) -> np.ndarray:
        generator = np.random.default_rng(seed)
        return generator.integers(0, 256, (height, width, channels), dtype=np.uint8)

    return make


@pytest.fixture
def make_file(make_pixels: MakePixels) -> MakeFile:
    def make(image_format: str, *, image: Image.Image | None = None, **options: Any) -> bytes:
        output = io.BytesIO()
        (image or Image.fromarray(make_pixels())).save(output, format=image_format, **options)
        return output.getvalue()

    return make


@pytest.fixture
def make_contract() -> Callable[..., ModelContract]:
    def make(**changes: Any) -> ModelContract:
        values: dict[str, Any] = {
            "name": "denoise-color",
            "task": "denoise-color",
            "version": "1",
            "architecture": "ushape-compact",
            "scale": 1,
            "input_channels": 3,
            "output_channels": 3,
            "tile": 16,
            "overlap": 4,
            "size_multiple": 8,
            "sha256": "0123456789abcdef" * 4,
            "provenance": {"data": "synthetic, é"},
            "quality": {"psnr": 30.4321},
        }
        return ModelContract(**{**values, **changes})

    return make
