from pathlib import Path

import pytest
from PIL import Image
from skimage.data import astronaut


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three crops of a photo, 64 x 80."""
    for number, left in enumerate([0, 100, 200]):
        Image.fromarray(astronaut()[:64, left : left + 80]).save(tmp_path / f"{number}.png")
    return tmp_path
