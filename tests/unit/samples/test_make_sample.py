"""The bundled sample is what its script says that it is."""

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image
from skimage.data import astronaut

SAMPLES = Path(__file__).parents[3] / "samples"


@pytest.fixture
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_sample", SAMPLES / "make_sample.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        assert image.mode == "RGB"
        return np.asarray(image)


def test_the_script_makes_the_files_that_are_shipped(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(script, "FOLDER", tmp_path)
    script.main()
    for name in ("astronaut.png", "astronaut_sigma25.png"):
        np.testing.assert_array_equal(pixels(tmp_path / name), pixels(SAMPLES / name))


def test_the_clean_one_is_a_crop_of_the_photo() -> None:
    clean = pixels(SAMPLES / "astronaut.png")
    photo = np.lib.stride_tricks.sliding_window_view(astronaut()[:256, :, 0], 256, axis=1)
    assert any(np.array_equal(photo[:, left], clean[:, :, 0]) for left in range(photo.shape[1]))


def test_the_noise_is_what_the_name_says() -> None:
    clean, noisy = pixels(SAMPLES / "astronaut.png"), pixels(SAMPLES / "astronaut_sigma25.png")
    # Where neither end of the range is near, nothing was clipped.
    middle = (clean > 110) & (clean < 145)
    difference = noisy[middle].astype(float) - clean[middle]
    assert difference.std() == pytest.approx(25, rel=0.05)
    assert difference.mean() == pytest.approx(0, abs=1)
