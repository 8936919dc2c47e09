"""What a released model must leave alone."""

import numpy as np
import pytest

from hiir.evaluation.drawings import DRAWINGS
from hiir.evaluation.release_gate import ColorShift, drawing_figures, gate_failures
from hiir.imaging import FloatPixels, Uint8Pixels, from_unit
from hiir.models.release import load_release


class Shifted:
    """Adds levels to every pixel, and blurs by one pixel if asked."""

    def __init__(self, levels: float = 0, *, blur: bool = False, gain: float = 1.0) -> None:
        self.levels, self.blur, self.gain = levels, blur, gain

    def restore(self, image: FloatPixels) -> Uint8Pixels:
        if self.blur:
            image = (image + np.roll(image, 1, axis=1)) / 2
        return from_unit(image[..., :3] * np.float32(self.gain) + self.levels / 255, np.uint8)


def test_a_restorer_that_changes_nothing_passes() -> None:
    figures = drawing_figures(Shifted(), load_release("denoise-color").contract)
    assert set(figures) == {*(f"drawn-{name}-psnr" for name in DRAWINGS), "flat-shift"}
    assert figures["flat-shift"] == 0
    assert figures["drawn-text-psnr"] == 99
    assert gate_failures(figures) == []


def test_blurred_drawings_and_shifted_flat_colors_are_refused() -> None:
    contract = load_release("denoise-color").contract
    blurred = gate_failures(drawing_figures(Shifted(blur=True), contract))
    assert len(blurred) == len(DRAWINGS)
    assert all("must be at least 35" in failure for failure in blurred)
    shifted = gate_failures(drawing_figures(Shifted(2), contract))
    assert shifted == ["flat-shift is 2 levels, must be at most 1"]


@pytest.mark.parametrize("name", ["denoise-gray", "sr-x2", "deblur-defocus-dp"])
def test_pictures_have_the_channels_that_a_model_takes(name: str) -> None:
    contract = load_release(name).contract
    asked: list[int] = []

    class Asked(Shifted):
        def restore(self, image: FloatPixels) -> Uint8Pixels:
            asked.append(image.shape[2])
            return super().restore(image)[..., : contract.output_channels]

    figures = drawing_figures(Asked(), contract)
    assert set(asked) == {contract.image_channels}
    assert ("drawn-scan-psnr" in figures) == (contract.scale == 1)


def test_figures_of_clean_photos_have_bounds_of_their_own() -> None:
    quality = {
        "cbsd68-clean-psnr": 44.9,
        "cbsd68-clean-worst-psnr": 35.9,
        "cbsd68-clean-color-shift": 0.51,
        "tiles-photo-seam": 1.01,
        "cbsd68-sigma25-psnr": 30.0,
    }
    assert len(gate_failures(quality)) == 4
    assert gate_failures({name: value + 0.1 for name, value in quality.items()}) == [
        "cbsd68-clean-color-shift is 0.61 levels, must be at most 0.5",
        "tiles-photo-seam is 1.11 levels, must be at most 1",
    ]


def test_the_largest_shift_of_a_mean_color_is_kept() -> None:
    shift = ColorShift(Shifted(3))
    for level in (0.2, 0.5):
        shift.restore(np.full((8, 8, 3), level, np.float32))
    assert shift.largest == pytest.approx(3, abs=0.5)
