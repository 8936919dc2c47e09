"""`hiir.restore`: one image in, one image out."""

from dataclasses import replace

import numpy as np
import pytest
from skimage.data import astronaut

from hiir import restore
from hiir.errors import HiirError
from hiir.evaluation.metrics import psnr
from hiir.export.artifacts import untrained_release
from hiir.imaging import estimate_noise_level, to_unit


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return astronaut()[40:140, 150:270]


def test_noise_is_removed(photo) -> None:
    noise = np.random.default_rng(0).normal(0, 25, photo.shape)
    noisy = np.clip(photo + noise, 0, 255).astype(np.uint8)
    assert psnr(photo, restore(noisy, "denoise-color")) > psnr(photo, noisy) + 5


def test_a_given_noise_level_is_used_instead_of_the_estimate(photo, monkeypatch) -> None:
    release = untrained_release("ushape-lean48-color-level")
    contract = replace(release.contract, noise_level=True)
    monkeypatch.setattr(
        "hiir.restoration.load_release", lambda _: replace(release, contract=contract)
    )
    estimated = restore(photo, "any")
    assert np.array_equal(
        restore(photo, "any", noise_level=estimate_noise_level(to_unit(photo))), estimated
    )
    assert not np.array_equal(restore(photo, "any", noise_level=75), estimated)


def test_sixteen_bits_stay_sixteen_bits(photo) -> None:
    deep = photo.astype(np.uint16) * 257
    restored = restore(deep, "jpeg-color")
    assert restored.dtype == np.uint16
    assert len(np.unique(restored % 257)) > 100
    np.testing.assert_allclose(restored / 257, restore(photo, "jpeg-color"), atol=1)


def test_a_strength_lies_between_the_image_and_its_restoration(photo) -> None:
    restored, half, none = (
        restore(photo, "jpeg-color", strength=share).astype(float) for share in (100, 50, 0)
    )
    assert np.array_equal(none, photo)
    np.testing.assert_allclose(half, (restored + photo) / 2, atol=1)
    assert not np.array_equal(restored, photo)


@pytest.mark.parametrize(("model", "scale"), [("jpeg-color", 1), ("sr-x2", 2)])
def test_a_region_is_that_part_of_the_whole_restoration(model, scale) -> None:
    photo = astronaut()[:300, :420]  # more than one tile
    region = (230, 100, 60, 40)
    whole = restore(photo, model)
    part = restore(photo, model, region=region)
    assert np.array_equal(part, whole[100 * scale : 140 * scale, 230 * scale : 290 * scale])


@pytest.mark.parametrize(
    ("image", "model", "options", "message"),
    [
        (np.zeros((8, 8), np.uint8), "jpeg-color", {}, r"takes \(H, W, 3\) .* not \(8, 8\) uint8"),
        (np.zeros((8, 8, 3), np.float32), "jpeg-color", {}, "uint8 or uint16, .* float32"),
        (np.zeros((8, 8, 3), np.uint8), "jpeg-gray", {}, r"takes \(H, W, 1\)"),
        (np.zeros((8, 8, 3), np.uint8), "jpeg-color", {"noise_level": 5}, "takes no noise level"),
        (np.zeros((8, 8, 3), np.uint8), "jpeg-color", {"device": "tpu9"}, "no device 'tpu9'"),
        (np.zeros((8, 8, 3), np.uint8), "jpeg-color", {"strength": 101}, "0 to 100, not 101"),
        (np.zeros((8, 9, 3), np.uint8), "jpeg-color", {"region": (5, 0, 5, 1)}, "5,0,5,1 .* 9x8"),
        (np.zeros((8, 8, 3), np.uint8), "jpeg-color", {"region": (-1, 0, 5, 5)}, "negative"),
        (np.zeros((8, 8, 3), np.uint8), "absent", {}, "those shipped are"),
    ],
)
def test_what_does_not_fit_is_refused(image, model, options, message) -> None:
    with pytest.raises(HiirError, match=message):
        restore(image, model, **options)
