"""Tiles against one piece: what models do whose answer is known."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from hiir.datasets.photo_files import ColorMode
from hiir.degradations.recipe import Recipe
from hiir.evaluation.seeded_degradation import degradation_of
from hiir.evaluation.test_sets import SyntheticSet
from hiir.evaluation.tiling_artifacts import (
    MAX_SEAM,
    first_photo,
    measure_tiling,
    tiling_from_quality,
    tiling_pictures,
    to_quality,
)
from hiir.models.release import Release, list_releases, load_release

SHIPPED = load_release("jpeg-color").contract
CONTRACT = replace(SHIPPED, tile=64, overlap=16, size_multiple=32)
PICTURES = tiling_pictures(CONTRACT, None)


class Local(torch.nn.Module):
    """Looks one pixel around: tiles that overlap cannot tell."""

    def forward(self, image):
        return torch.nn.functional.avg_pool2d(image, 3, stride=1, padding=1)


class Levelling(torch.nn.Module):
    """Looks at the mean of all that it is given, as models of haze do."""

    def forward(self, image):
        return image - image.mean(dim=(2, 3), keepdim=True) + 0.5


def test_a_local_model_gives_the_same_in_tiles():
    figures = measure_tiling(Release(model=Local(), contract=CONTRACT), PICTURES)
    assert set(figures) == {"gradient", "noise"}
    for found in figures.values():
        assert found.seam < 0.01
        assert found.difference < 0.01
        assert found.agreement > 90


def test_a_model_that_looks_at_the_whole_differs_in_tiles_and_shows_them():
    figures = measure_tiling(Release(model=Levelling(), contract=CONTRACT), PICTURES)
    assert figures["gradient"].seam > MAX_SEAM
    assert figures["gradient"].difference > 10
    assert figures["gradient"].agreement < 35


def test_another_overlap_can_be_tried():
    release = Release(model=Levelling(), contract=CONTRACT)
    narrow, wide = (
        measure_tiling(release, PICTURES, overlap=overlap)["gradient"].seam for overlap in (8, 32)
    )
    assert narrow > 2 * wide


def test_pictures_fit_two_tiles_whatever_the_model_takes():
    photo = np.linspace(0, 1, 40 * 50, dtype=np.float32).reshape(40, 50, 1).repeat(6, axis=2)
    contract = replace(CONTRACT, input_channels=6)
    pictures = tiling_pictures(contract, photo)
    assert {image.shape for image in pictures.values()} == {(128, 128, 6)}
    assert (pictures["photo"][:40, :50] == photo).all()
    gray = tiling_pictures(replace(CONTRACT, input_channels=1), None)
    assert {image.shape for image in gray.values()} == {(128, 128, 1)}


@pytest.mark.parametrize(
    ("step", "changed"),
    [({"kind": "noise", "sigma": 25}, True), ({"kind": "downscale", "factor": 2}, False)],
)
def test_the_photo_is_what_the_model_gets_but_never_reduced(tmp_path: Path, step, changed):
    Image.new("RGB", (80, 60), (200, 100, 50)).save(tmp_path / "photo.png")
    degradation = degradation_of(Recipe.model_validate([step]), seed=0)
    photo = first_photo(SyntheticSet(folder=tmp_path, degradation=degradation), ColorMode.RGB)
    assert photo.shape == (60, 80, 3)
    assert (np.ptp(photo[..., 0]) > 0) == changed


def test_what_a_release_measured_can_be_read_again():
    figures = measure_tiling(Release(model=Levelling(), contract=CONTRACT), PICTURES)
    quality = to_quality(figures)
    read = tiling_from_quality({"cbsd68-sigma25-psnr": 30.0, **quality})
    assert to_quality(read) == quality
    assert tiling_from_quality({"cbsd68-sigma25-psnr": 30.0}) == {}


@pytest.mark.parametrize("name", list_releases())
def test_no_shipped_model_shows_its_tiles(name: str):
    figures = tiling_from_quality(load_release(name).contract.quality)
    assert set(figures) == {"gradient", "noise", "photo"}
    for picture, found in figures.items():
        assert found.seam <= MAX_SEAM, picture
