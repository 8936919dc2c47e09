"""Camera raw files, drawn as DNG: an exact Bayer mosaic with the tags that a camera writes."""

import io

import numpy as np
import tifffile

BLACK, WHITE = 256, 4095
# XYZ to the sensor's colours: those of sRGB itself.
XYZ_TO_SRGB = [3.2406, -1.5372, -0.4986, -0.9689, 1.8758, 0.0415, 0.0557, -0.2040, 1.0570]


def rational(values, scale=10_000):
    return tuple(part for value in values for part in (round(value * scale), scale))


def dng(
    samples,
    *,
    pattern="rggb",
    neutral=(1.0, 1.0, 1.0),
    orientation=1,
    photometric=32803,
    preview=False,
    crop=None,
    active_area=None,
    is_dng=True,
):
    """A DNG of `(H, W)` sensor values, or of `(H, W, 3)` linear ones.

    With `preview` the first page is a small picture, and the samples are in its sub-page. `crop` is
    left, top, width, height; `active_area` top, left, bottom, right. Without `is_dng` it is a TIFF
    with raw samples, as other cameras write it.
    """
    size = len(pattern) ** 0.5
    places = bytes("rgb".index(colour) for colour in pattern)
    of_camera = [
        (271, "s", 0, "Maker", True),
        (272, "s", 0, "Camera", True),
        (274, "H", 1, orientation, True),
        (50721, "2i", 9, rational(XYZ_TO_SRGB), True),
        (50728, "2I", 3, rational(neutral), True),
        (50778, "H", 1, 21, True),
    ]
    if is_dng:
        of_camera += [
            (50706, "B", 4, bytes([1, 4, 0, 0]), True),
            (50707, "B", 4, bytes([1, 1, 0, 0]), True),
            (50708, "s", 0, "Maker Camera", True),
        ]
    channels = samples.shape[2] if samples.ndim == 3 else 1
    of_samples = [
        (50714, "H", channels, (BLACK,) * channels, True),
        (50717, "H", channels, (WHITE,) * channels, True),
    ]
    if channels == 1:
        of_samples += [
            (33421, "H", 2, (int(size), int(size)), True),
            (33422, "B", len(places), places, True),
        ]
    if crop is not None:
        of_samples.append((50719, "I", 2, tuple(crop[:2]), True))
        of_samples.append((50720, "I", 2, tuple(crop[2:]), True))
    if active_area is not None:
        of_samples.append((50829, "I", 4, tuple(active_area), True))
    output = io.BytesIO()
    with tifffile.TiffWriter(output) as writer:
        options = {"photometric": photometric, "metadata": None}
        when = "2021:05:05 10:10:10"
        if preview:
            picture = np.full((32, 40, 3), 90, np.uint8)
            plain = {"photometric": "rgb", "metadata": None, "subfiletype": 1, "subifds": 1}
            writer.write(picture, extratags=of_camera, datetime=when, **plain)
            writer.write(samples, extratags=of_samples, subfiletype=0, **options)
        else:
            writer.write(samples, extratags=of_camera + of_samples, datetime=when, **options)
    output.seek(0)
    return output


def curve(light):
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
