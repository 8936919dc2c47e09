import io

import numpy as np
import pytest
from PIL import Image

from hiir.imaging import (
    ImageFormat,
    ImageLimits,
    NoteCode,
    OutputUnsupported,
    PhotoOptions,
    decode,
    encode,
    photo,
)
from hiir.imaging.alpha import bleed, enlarge_rows, flatten


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_hidden_colors_become_those_of_the_nearest_seen_ones(dtype):
    color = np.zeros((40, 40, 3), dtype)
    color[:20] = (200, 100, 50)
    color[20:] = (10, 20, 30)
    alpha = np.full((40, 40), 255, dtype)
    alpha[:, 8:] = 0
    color[:, 8:] = 0  # black, as editors leave it
    filled = bleed(color, alpha)
    assert filled.dtype == dtype
    assert np.array_equal(filled[:, :8], color[:, :8])
    assert (filled[:16, 8:12] == (200, 100, 50)).all()
    assert (filled[-8:, 8:12] == (10, 20, 30)).all()
    # Farther off it is a mean of them, and nowhere the black that was there.
    assert (filled >= (10, 20, 30)).all()


def test_colors_that_are_barely_seen_stay_as_they_are(make_pixels):
    color = make_pixels()
    alpha = np.full(color.shape[:2], 1, np.uint8)
    alpha[0, 0] = 0
    filled = bleed(color, alpha)
    assert np.array_equal(filled[alpha > 0], color[alpha > 0])


@pytest.mark.parametrize("level", [0, 255])
def test_nothing_flows_where_all_or_nothing_is_seen(make_pixels, level):
    color = make_pixels()
    assert bleed(color, np.full(color.shape[:2], level, np.uint8)) is color


def test_a_photo_in_bands_bleeds_as_one_in_a_piece_does(make_file, make_smooth, monkeypatch):
    samples = np.dstack([make_smooth(300, 20), np.zeros((300, 20), np.uint8)])
    samples[150:154, :, 3] = 255
    data = make_file("PNG", image=Image.fromarray(samples))
    whole = decode(data, ImageLimits())
    monkeypatch.setattr(photo, "BAND_PIXELS", 20 * 25)
    banded = decode(data, ImageLimits())
    assert np.array_equal(whole.pixels[128:192], banded.pixels[128:192])
    assert (banded.pixels[150:154] == samples[150:154, :, :3]).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_rows_of_enlarged_alpha_are_those_of_the_whole(dtype, scale):
    alpha = np.random.default_rng(4).integers(0, np.iinfo(dtype).max + 1, (23, 17), dtype=dtype)
    whole = enlarge_rows(alpha, top=0, bottom=23 * scale, scale=scale)
    assert whole.shape == (23 * scale, 17 * scale)
    assert whole.dtype == dtype
    parts = [
        enlarge_rows(alpha, top=top, bottom=min(top + 7, len(whole)), scale=scale)
        for top in range(0, len(whole), 7)
    ]
    assert np.array_equal(np.concatenate(parts), whole)


def test_a_constant_stays_constant_when_it_grows():
    assert (enlarge_rows(np.full((9, 9), 99, np.uint8), top=3, bottom=20, scale=3) == 99).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_what_is_laid_over_a_background_is_mixed_by_its_alpha(dtype):
    top = np.iinfo(dtype).max
    color = np.zeros((1, 3, 1), dtype)
    alpha = np.array([[0, top, top // 2]], dtype)
    flat = flatten(color, alpha, (255, 0, 51))
    assert flat.dtype == dtype
    assert flat[0, 0].tolist() == [top, 0, top // 5]
    assert flat[0, 1].tolist() == [0, 0, 0]
    assert abs(int(flat[0, 2, 0]) - top / 2) <= 1


@pytest.fixture
def transparent(make_file, make_pixels):
    samples = make_pixels(channels=4)
    samples[:10, :, 3] = 0
    return make_file("PNG", image=Image.fromarray(samples))


@pytest.mark.parametrize("target", [ImageFormat.JPEG, ImageFormat.BMP])
def test_a_background_lets_a_format_without_alpha_take_the_photo(transparent, target):
    options = PhotoOptions(format=target, background=(255, 255, 255))
    image = decode(transparent, ImageLimits(), options)
    assert image.alpha is None
    assert (image.pixels[:10] == 255).all()
    assert [note.code for note in image.info.notes] == [NoteCode.ALPHA_FLATTENED]
    with Image.open(io.BytesIO(encode(image.pixels, like=image, options=options))) as written:
        assert written.mode == "RGB"


def test_without_a_background_it_is_refused(transparent):
    image = decode(transparent, ImageLimits())
    with pytest.raises(OutputUnsupported, match="background"):
        encode(image.pixels, like=image, options=PhotoOptions(format=ImageFormat.JPEG))


@pytest.mark.parametrize(("background", "channels"), [((9, 9, 9), 1), ((9, 9, 10), 3)])
def test_gray_stays_gray_on_gray_alone(make_file, make_pixels, background, channels):
    data = make_file("PNG", image=Image.fromarray(make_pixels(channels=2), "LA"))
    image = decode(data, ImageLimits(), PhotoOptions(background=background))
    assert image.pixels.shape[2] == channels


def test_a_background_changes_nothing_about_an_opaque_photo(make_file, make_pixels):
    image = decode(make_file("PNG"), ImageLimits(), PhotoOptions(background=(1, 2, 3)))
    assert np.array_equal(image.pixels, make_pixels())
    assert image.info.notes == ()
