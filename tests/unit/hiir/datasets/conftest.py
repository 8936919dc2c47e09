from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def draw_images(tmp_path: Path) -> Callable[..., Path]:
    """Give a function that fills a folder with images of the given sizes."""

    def draw(name: str, *sizes: tuple[int, int], seed: int = 0) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        random = np.random.default_rng(seed)
        for number, size in enumerate(sizes):
            pixels = random.integers(0, 256, (*size, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"{number}.png")
        return folder

    return draw
