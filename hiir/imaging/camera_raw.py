"""Camera raw files: the sensor's mosaic made ready for demosaicking, and the photo's colors after.

LibRaw (rawpy) reads the file. The black level is taken off, the camera's white
balance applied, and the curve of sRGB put on, because models learn from photos that have it: what
comes out is a mosaic like that of a finished photo, in the colors of the sensor. `Development`
makes them those of sRGB once all three are known for every pixel.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Self

import numpy as np
import numpy.typing as npt

from hiir.imaging.bayer import BayerPattern
from hiir.imaging.errors import ImageCorrupt, UnsupportedImageFormat, UnsupportedPixelMode
from hiir.imaging.formats import ImageFormat
from hiir.imaging.limits import ImageHeader, ImageLimits, check_header
from hiir.imaging.metadata import ImageMetadata
from hiir.imaging.photo import DecodedImage, PhotoInfo
from hiir.imaging.pixels import FloatPixels, Pixels, Uint16Pixels, from_unit, to_unit

_BAND_ROWS = 256
# What LibRaw calls the orientation -> quarter turns against the clock that undo it.
_TURNS = {0: 0, 3: 2, 5: 1, 6: 3}
# XYZ of sRGB's primaries at D65.
_XYZ_OF_SRGB = np.array(
    [[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Development:
    """What makes sRGB of a sensor's colors."""

    matrix: tuple[tuple[float, float, float], ...]
    """Three rows: light of the sensor's channels to light of sRGB's."""

    @classmethod
    def from_rows(cls, rows: Sequence[Sequence[float]]) -> Self:
        """Read a matrix out of a message."""
        return cls(matrix=tuple((row[0], row[1], row[2]) for row in rows))

    def apply(self, pixels: Pixels) -> Pixels:
        """Turn `(H, W, 3)` uint8 or uint16 with the curve of sRGB from one into the other."""
        light = _to_light(to_unit(pixels)) @ np.array(self.matrix, np.float32).T
        return from_unit(_to_curve(np.clip(light, 0, 1)), pixels.dtype)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CameraRaw:
    """An upright mosaic, as if it had been sampled from a finished photo."""

    samples: Uint16Pixels
    """`(H, W, 1)`, white-balanced, with the curve of sRGB."""
    pattern: BayerPattern
    development: Development


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RawPhoto:
    """A camera raw file that has been decoded: gray, as long as it is a mosaic."""

    image: DecodedImage
    pattern: BayerPattern
    development: Development


def raw_info(shape: Sequence[int]) -> PhotoInfo:
    """What is known of the mosaic `(H, W, 1)`; TIFF is the format that can hold what it becomes."""
    height, width, channels = shape
    header = ImageHeader(
        format=ImageFormat.TIFF, width=width, height=height, frames=1, mode="I;16", bit_depth=16
    )
    return PhotoInfo(
        header=header,
        shape=(height, width, channels),
        has_alpha=False,
        metadata=ImageMetadata(),
    )


def read_camera_raw(source: BinaryIO, limits: ImageLimits) -> CameraRaw:
    """Read the sensor's samples of a raw file, from its start.

    Raises `UnsupportedImageFormat` for any other file, `ImageTooLarge` and
    `ImageTooSmall` before the samples are unpacked, `UnsupportedPixelMode` for a sensor without a
    Bayer pattern, and `ImageCorrupt`.
    """
    import rawpy  # noqa: PLC0415 - a large library, for the few who send such a file

    source.seek(0)
    try:
        raw = rawpy.imread(source)
    except rawpy.LibRawError as error:
        raise UnsupportedImageFormat("The content is not a camera raw file.") from error
    try:
        with raw:
            check_header(raw_info((raw.sizes.height, raw.sizes.width, 1)).header, limits)
            return _read(raw)
    except rawpy.LibRawError as error:
        raise ImageCorrupt("The camera raw file cannot be decoded.") from error


def _read(raw: Any) -> CameraRaw:
    colors = _colors_of_pattern(raw)
    stored = raw.raw_image_visible
    height, width = stored.shape
    planes = np.tile(raw.raw_pattern, (height // 2 + 1, 1))[:height]
    samples = np.empty((height, width), np.uint16)
    black = np.array(raw.black_level_per_channel, np.float32)
    gain = _white_balance(raw) / (np.float32(raw.white_level) - black)
    for top in range(0, height, _BAND_ROWS):
        rows = slice(top, min(top + _BAND_ROWS, height))
        channel = np.tile(planes[rows], (1, width // 2 + 1))[:, :width]
        light = (stored[rows].astype(np.float32) - black[channel]) * gain[channel]
        samples[rows] = from_unit(_to_curve(np.clip(light, 0, 1)), np.uint16)
    turns = _TURNS.get(int(raw.sizes.flip), 0)
    return CameraRaw(
        samples=np.ascontiguousarray(np.rot90(samples, turns))[..., np.newaxis],
        pattern=_turned(colors, (height, width), turns),
        development=_development(raw),
    )


def _colors_of_pattern(raw: Any) -> npt.NDArray[np.str_]:
    """The letters of the 2 x 2 pixels at the top left; raises `UnsupportedPixelMode`."""
    pattern, description = raw.raw_pattern, raw.color_desc.decode("ascii").lower()
    if pattern is None or pattern.shape != (2, 2) or raw.raw_image_visible.ndim != 2:
        raise UnsupportedPixelMode("The sensor has no Bayer pattern.", limit="Bayer")
    colors: npt.NDArray[np.str_] = np.array(list(description))[pattern]
    if "".join(colors.flat) not in set(BayerPattern):
        raise UnsupportedPixelMode(
            "The sensor has other colors than a Bayer pattern.",
            limit=", ".join(item.value for item in BayerPattern),
            actual="".join(colors.flat),
        )
    return colors


def _turned(colors: npt.NDArray[np.str_], size: tuple[int, int], turns: int) -> BayerPattern:
    """The pattern of the turned mosaic: a small one with sides of the same parity tells."""
    small = np.tile(colors, (2, 2))[: 2 + size[0] % 2, : 2 + size[1] % 2]
    return BayerPattern("".join(np.rot90(small, turns)[:2, :2].flat))


def _white_balance(raw: Any) -> npt.NDArray[np.float32]:
    """Gain of each of the four channels, the smallest 1: full light stays white."""
    gains = np.array(raw.camera_whitebalance, np.float32)
    if not (gains[:3] > 0).all():
        gains = np.array(raw.daylight_whitebalance, np.float32)
    if not (gains[:3] > 0).all():
        return np.ones(4, np.float32)
    if gains[3] <= 0:  # a second green without a value of its own
        gains[3] = gains[1]
    return np.asarray(gains / gains.min(), np.float32)


def _development(raw: Any) -> Development:
    """Balanced light of the sensor to light of sRGB; nothing is changed where it is not known."""
    sensor_of_xyz = np.array(raw.rgb_xyz_matrix, np.float64)[:3]
    sensor_of_srgb = sensor_of_xyz @ _XYZ_OF_SRGB
    if not np.isfinite(sensor_of_srgb).all() or abs(np.linalg.det(sensor_of_srgb)) < 1e-6:
        sensor_of_srgb = np.eye(3)
    # White balance has made white of what is white: each row sums to 1.
    sensor_of_srgb /= sensor_of_srgb.sum(axis=1, keepdims=True)
    rows: list[list[float]] = np.linalg.inv(sensor_of_srgb).tolist()
    return Development.from_rows(rows)


def _to_curve(light: FloatPixels) -> FloatPixels:
    """IEC 61966-2-1, of values in [0, 1]."""
    curved = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.asarray(curved, np.float32)


def _to_light(curved: FloatPixels) -> FloatPixels:
    light = np.where(curved <= 0.04045, curved / 12.92, ((curved + 0.055) / 1.055) ** 2.4)
    return np.asarray(light, np.float32)
