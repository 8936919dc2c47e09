"""Camera raw files, drawn as DNG: an exact Bayer mosaic with the tags that a camera writes."""

import io

import numpy as np
import tifffile

BLACK, WHITE = 256, 4095
# XYZ to the sensor's colours: those of sRGB itself.
XYZ_TO_SRGB = [3.2406, -1.5372, -0.4986, -0.9689, 1.8758, 0.0415, 0.0557, -0.2040, 1.0570]


def rational(values, scale=10_000):
    return tuple(part for value in values for part in (round(value * scale), scale))


def dng(samples, *, pattern="rggb", neutral=(1.0, 1.0, 1.0), orientation=1, photometric=32803):
    """A DNG of `(H, W)` sensor values."""
    places = bytes("rgb".index(colour) for colour in pattern)
    tags = [
        (271, "s", 0, "Maker", True),
        (272, "s", 0, "Camera", True),
        (274, "H", 1, orientation, True),
        (33421, "H", 2, (2, 2), True),
        (33422, "B", 4, places, True),
        (50706, "B", 4, bytes([1, 4, 0, 0]), True),
        (50707, "B", 4, bytes([1, 1, 0, 0]), True),
        (50708, "s", 0, "Maker Camera", True),
        (50714, "H", 1, BLACK, True),
        (50717, "H", 1, WHITE, True),
        (50721, "2i", 9, rational(XYZ_TO_SRGB), True),
        (50728, "2I", 3, rational(neutral), True),
        (50778, "H", 1, 21, True),
    ]
    output = io.BytesIO()
    tifffile.imwrite(output, samples, photometric=photometric, extratags=tags, metadata=None)
    output.seek(0)
    return output


def curve(light):
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
