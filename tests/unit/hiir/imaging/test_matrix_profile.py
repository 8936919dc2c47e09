"""Profiles that are made of primaries and a transfer function mean what they say to lcms."""

import io

import numpy as np
import pytest
from PIL import Image, ImageCms

from hiir.imaging.color import SrgbConversion
from hiir.imaging.matrix_profile import (
    ADOBE_RGB,
    ADOBE_TRANSFER,
    BT709,
    SRGB_TRANSFER,
    Primaries,
    Transfer,
    matrix_profile,
)

COLORS = np.random.default_rng(3).integers(0, 256, (20, 30, 3), np.uint8)


def opened(profile):
    return ImageCms.ImageCmsProfile(io.BytesIO(profile)).profile


def test_a_profile_made_for_srgb_is_that_of_lcms():
    made = opened(matrix_profile(BT709, SRGB_TRANSFER, gray=False))
    real = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).profile
    for name in ("red_colorant", "green_colorant", "blue_colorant"):
        assert np.allclose(getattr(made, name)[0], getattr(real, name)[0], atol=2e-3)
    converted = SrgbConversion(profile=matrix_profile(BT709, SRGB_TRANSFER, gray=False))(COLORS)
    assert np.abs(converted.astype(int) - COLORS).max() <= 1


def test_adobe_rgb_is_converted_by_the_matrix_of_its_specification():
    # Adobe RGB (1998) to linear sRGB, both under D65.
    matrix = np.array([[1.3984, -0.3984, 0.0], [0.0, 1.0, 0.0], [0.0, -0.0429, 1.0429]])
    light = (COLORS / 255) ** (563 / 256) @ matrix.T
    inside = ((light > 0.01) & (light < 0.99)).all(axis=2)
    curved = SRGB_TRANSFER.from_light(np.clip(light, 0, 1)) * 255
    profile = matrix_profile(ADOBE_RGB, ADOBE_TRANSFER, gray=False)
    converted = SrgbConversion(profile=profile)(COLORS)
    assert np.abs(converted[inside] - curved[inside]).max() < 1.6


@pytest.mark.parametrize("gamma", [1.8, 2.2])
def test_gray_is_converted_by_its_curve(gamma):
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    profile = matrix_profile(BT709, Transfer(gamma=gamma), gray=True)
    conversion = SrgbConversion(profile=profile)
    assert conversion.is_usable(1)
    wanted = SRGB_TRANSFER.from_light((levels / 255) ** gamma) * 255
    assert np.abs(conversion(levels) - wanted).max() < 3


@pytest.mark.parametrize("transfer", [SRGB_TRANSFER, Transfer(gamma=2.2)])
def test_a_transfer_function_and_its_inverse_cancel(transfer):
    values = np.linspace(0, 1, 1001)
    assert np.allclose(transfer.from_light(transfer.to_light(values)), values, atol=1e-6)


@pytest.mark.parametrize(
    "primaries",
    [
        Primaries(red=(0.3, 0.3), green=(0.3, 0.3), blue=(0.3, 0.3)),
        Primaries(red=(0.64, 0.0), green=(0.3, 0.6), blue=(0.15, 0.06)),
        Primaries(red=(0.64, 0.33), green=(0.3, 0.6), blue=(0.15, 0.06), white=(0.9, 0.1)),
    ],
)
def test_primaries_that_span_no_colors_are_refused(primaries):
    with pytest.raises(ValueError, match=r"primar|white"):
        matrix_profile(primaries, SRGB_TRANSFER, gray=False)


def test_pillow_takes_the_profile_with_a_file():
    profile = matrix_profile(ADOBE_RGB, ADOBE_TRANSFER, gray=False)
    output = io.BytesIO()
    Image.fromarray(COLORS).save(output, "PNG", icc_profile=profile)
    with Image.open(output) as image:
        assert image.info["icc_profile"] == profile
