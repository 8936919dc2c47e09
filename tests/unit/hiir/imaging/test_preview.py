"""Previews: small, upright, in sRGB, and readable by any browser."""

import io

import numpy as np
import pytest
from PIL import Image, ImageCms

from hiir.imaging import ImageLimits, decode
from hiir.imaging.preview import write_preview

LIMITS = ImageLimits(max_pixels=50_000_000, max_side=16_384, min_side=1, max_frames=1)


def preview(content: bytes, *, max_side: int = 64) -> np.ndarray:
    image = decode(content, LIMITS)
    stream = io.BytesIO()
    size = write_preview(stream, image.pixels, like=image, max_side=max_side)
    with Image.open(stream) as written:
        assert (written.format, written.size) == ("WEBP", size)
        assert "icc_profile" not in written.info
        return np.asarray(written)


@pytest.mark.parametrize(
    ("height", "width", "expected"),
    [
        (40, 56, (40, 56)),
        (64, 64, (64, 64)),
        (65, 30, (64, 30)),
        (500, 301, (64, 39)),
        (20, 2000, (1, 64)),
    ],
)
def test_a_preview_has_at_most_the_given_side_and_is_never_enlarged(
    make_smooth, make_file, height, width, expected
):
    pixels = make_smooth(height, width)
    assert preview(make_file("PNG", image=Image.fromarray(pixels))).shape[:2] == expected


def test_a_preview_shows_the_photo(make_file):
    down, right = np.mgrid[0:700, 0:900]
    pixels = np.stack([255 * down / 700, 255 * right / 900, 0 * right + 90], axis=2)
    image = Image.fromarray(pixels.astype(np.uint8))
    wanted = np.asarray(image.resize((64, 50), Image.Resampling.BOX)).astype(int)
    shown = preview(make_file("PNG", image=image)).astype(int)
    assert np.abs(shown - wanted).mean() < 3


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "I;16"])
def test_every_kind_of_pixels_has_a_preview(make_file, mode):
    if mode == "I;16":
        image = Image.fromarray(np.full((200, 150), 40_000, np.uint16))
    else:
        image = Image.new("RGBA", (150, 200), (155, 155, 155, 100)).convert(mode)
    shown = preview(make_file("PNG", image=image))
    assert shown.shape == (64, 48, 4 if mode.endswith("A") else 3)
    assert np.abs(shown[..., :3].astype(int) - 155).max() <= 3
    if mode.endswith("A"):
        assert np.abs(shown[..., 3].astype(int) - 100).max() <= 1


def test_colors_of_another_profile_become_srgb(make_file):
    image = Image.new("RGB", (40, 40), (200, 60, 20))
    shown = preview(make_file("PNG", image=image, icc_profile=swapped_profile()))
    assert np.abs(shown.reshape(-1, 3).mean(axis=0) - (20, 60, 200)).max() < 12


def swapped_profile() -> bytes:
    """sRGB with the primaries of red and blue exchanged."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    return bytes(
        profile.replace(b"rXYZ", b"????").replace(b"bXYZ", b"rXYZ").replace(b"????", b"bXYZ")
    )
