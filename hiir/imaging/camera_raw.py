"""Camera raw files: the mosaic prepared for demosaicking, and the color conversion afterwards.

LibRaw (rawpy) reads the file. The black level is subtracted, and the camera's white balance and the
sRGB curve are applied, because models are trained on photos with this curve. The result is a mosaic
like that of a finished photo, in the colors of the sensor. `Development` converts the colors to
sRGB once every pixel has all three.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Self

import numpy as np
import numpy.typing as npt

from hiir.imaging.bayer import BayerPattern
from hiir.imaging.color import srgb_profile
from hiir.imaging.dng_crop import read_default_crop
from hiir.imaging.errors import ImageCorrupt, UnsupportedImageFormat, UnsupportedPixelMode
from hiir.imaging.formats import ImageFormat
from hiir.imaging.limits import ImageHeader, ImageLimits, check_header
from hiir.imaging.metadata import METADATA_NAMES, ImageMetadata
from hiir.imaging.notes import Note, NoteCode
from hiir.imaging.options import MetadataPolicy
from hiir.imaging.orientation import Box
from hiir.imaging.photo import DecodedImage, PhotoInfo
from hiir.imaging.pixels import FloatPixels, Pixels, Uint16Pixels, from_unit, to_unit
from hiir.imaging.raw_metadata import read_raw_metadata
from hiir.imaging.raw_signature import camera_raw_name

_BAND_ROWS = 256
# LibRaw's code of the orientation -> counterclockwise quarter turns that undo it.
_TURNS = {0: 0, 3: 2, 5: 1, 6: 3}
_WHY_DROPPED = "of the camera raw file was left out: it cannot be read, or cannot be moved."
# XYZ of the sRGB primaries at D65.
_XYZ_OF_SRGB = np.array(
    [[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Development:
    """The conversion from a sensor's colors to sRGB."""

    matrix: tuple[tuple[float, float, float], ...]
    """Three rows that map linear light of the sensor's channels to linear sRGB."""

    @classmethod
    def from_rows(cls, rows: Sequence[Sequence[float]]) -> Self:
        """Parse the matrix of a message."""
        return cls(matrix=tuple((row[0], row[1], row[2]) for row in rows))

    def apply(self, pixels: Pixels) -> Pixels:
        """Convert `(H, W, 3)` uint8 or uint16 with the sRGB curve from sensor colors to sRGB."""
        light = _to_light(to_unit(pixels)) @ np.array(self.matrix, np.float32).T
        return from_unit(_to_curve(np.clip(light, 0, 1)), pixels.dtype)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CameraRaw:
    """An upright mosaic, as if it were sampled from a finished photo."""

    samples: Uint16Pixels
    """`(H, W, 1)`, white-balanced, with the sRGB curve."""
    pattern: BayerPattern
    development: Development
    info: PhotoInfo


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RawPhoto:
    """A decoded camera raw file, whose pixels are gray until the mosaic is demosaicked."""

    image: DecodedImage
    pattern: BayerPattern
    development: Development


def raw_info(shape: Sequence[int], metadata: ImageMetadata, notes: tuple[Note, ...]) -> PhotoInfo:
    """Return the properties of a mosaic `(H, W, 1)`; its output format is TIFF by default."""
    height, width, channels = shape
    return PhotoInfo(
        header=_header(height, width),
        shape=(height, width, channels),
        has_alpha=False,
        metadata=metadata,
        notes=notes,
    )


def _header(height: int, width: int) -> ImageHeader:
    return ImageHeader(
        format=ImageFormat.TIFF, width=width, height=height, frames=1, mode="I;16", bit_depth=16
    )


def read_camera_raw(
    source: BinaryIO, limits: ImageLimits, policy: MetadataPolicy = MetadataPolicy.KEEP
) -> CameraRaw:
    """Read the sensor samples and the metadata of a raw file; the stream is read from its start.

    The default crop of a DNG is applied.

    Raises:
        UnsupportedImageFormat: if the file is not a camera raw file, or LibRaw does not support its
            camera.
        ImageTooLarge: if the image exceeds the limits; raised before the samples are unpacked.
        ImageTooSmall: if the image is below the limits; raised before the samples are unpacked.
        UnsupportedPixelMode: if the sensor has no Bayer pattern.
        ImageCorrupt: if the samples cannot be unpacked.
    """
    import rawpy  # noqa: PLC0415 - a large library, for the few who send such a file

    kind = camera_raw_name(source)
    try:
        raw = rawpy.imread(source)
    except rawpy.LibRawError as error:
        if kind is None:
            raise UnsupportedImageFormat("The content is not a camera raw file.") from error
        raise UnsupportedImageFormat(
            f"The camera raw file ({kind}) is damaged, or of a camera or a compression that is "
            "not supported.",
            actual=f"camera raw ({kind})",
        ) from error
    try:
        with raw:
            check_header(_header(raw.sizes.height, raw.sizes.width), limits)
            width, height = raw.sizes.width, raw.sizes.height
            # Other cameras also have crops, which may be the photographer's choice of an aspect
            # ratio.
            crop = Box(left=0, top=0, right=width, bottom=height)
            if kind == "DNG":
                crop = read_default_crop(source, width=width, height=height)
            check_header(_header(crop.bottom - crop.top, crop.right - crop.left), limits)
            samples, pattern, development = _read(raw, crop)
    except rawpy.LibRawError as error:
        raise ImageCorrupt("The camera raw file cannot be decoded.") from error
    metadata = read_raw_metadata(source, kind, policy, srgb_profile())
    notes = tuple(
        Note(code=NoteCode.METADATA_DROPPED, detail=f"{METADATA_NAMES[name]} {_WHY_DROPPED}")
        for name in metadata.dropped
    )
    return CameraRaw(
        samples=samples,
        pattern=pattern,
        development=development,
        info=raw_info(samples.shape, metadata, notes),
    )


def _read(raw: Any, crop: Box) -> tuple[Uint16Pixels, BayerPattern, Development]:
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
    samples = samples[crop.top : crop.bottom, crop.left : crop.right]
    colors = np.roll(colors, (-crop.top, -crop.left), axis=(0, 1))
    return (
        np.ascontiguousarray(np.rot90(samples, turns))[..., np.newaxis],
        _turned(colors, (samples.shape[0], samples.shape[1]), turns),
        _development(raw),
    )


def _colors_of_pattern(raw: Any) -> npt.NDArray[np.str_]:
    """Return the letters of the 2 x 2 pixels at the top left.

    Raises:
        UnsupportedPixelMode: if they are not a Bayer pattern.
    """
    pattern, description = raw.raw_pattern, raw.color_desc.decode("ascii").lower()
    if pattern is None or pattern.shape != (2, 2) or raw.raw_image_visible.ndim != 2:
        raise UnsupportedPixelMode(
            "Only camera raw files with a Bayer pattern, 2 x 2 pixels of red, green and blue, are "
            "supported; X-Trans sensors, linear DNG and other layouts are not.",
            limit="Bayer pattern of 2 x 2 pixels",
            actual=_layout_of(raw),
        )
    colors: npt.NDArray[np.str_] = np.array(list(description))[pattern]
    if "".join(colors.flat) not in set(BayerPattern):
        raise UnsupportedPixelMode(
            "The sensor has other colors than a Bayer pattern.",
            limit=", ".join(item.value for item in BayerPattern),
            actual="".join(colors.flat),
        )
    return colors


def _layout_of(raw: Any) -> str:
    pattern = raw.raw_pattern
    if pattern is None or raw.raw_image_visible.ndim != 2:
        return "linear raw: all colors in each pixel"
    rows, columns = pattern.shape
    return f"X-Trans: {rows} x {columns} pixels" if rows == 6 else f"{rows} x {columns} pixels"


def _turned(colors: npt.NDArray[np.str_], size: tuple[int, int], turns: int) -> BayerPattern:
    """Return the pattern of the rotated mosaic, by rotating a small mosaic of equal parity."""
    small = np.tile(colors, (2, 2))[: 2 + size[0] % 2, : 2 + size[1] % 2]
    return BayerPattern("".join(np.rot90(small, turns)[:2, :2].flat))


def _white_balance(raw: Any) -> npt.NDArray[np.float32]:
    """Return the gains of the four channels; the smallest is 1, so that white stays white."""
    gains = np.array(raw.camera_whitebalance, np.float32)
    if not (gains[:3] > 0).all():
        gains = np.array(raw.daylight_whitebalance, np.float32)
    if not (gains[:3] > 0).all():
        return np.ones(4, np.float32)
    if gains[3] <= 0:  # the second green has no separate value
        gains[3] = gains[1]
    return np.asarray(gains / gains.min(), np.float32)


def _development(raw: Any) -> Development:
    """Return the conversion from balanced sensor light to sRGB light; the identity if unknown."""
    sensor_of_xyz = np.array(raw.rgb_xyz_matrix, np.float64)[:3]
    sensor_of_srgb = sensor_of_xyz @ _XYZ_OF_SRGB
    if not np.isfinite(sensor_of_srgb).all() or abs(np.linalg.det(sensor_of_srgb)) < 1e-6:
        sensor_of_srgb = np.eye(3)
    # The white balance already maps white to white, so each row sums to 1.
    sensor_of_srgb /= sensor_of_srgb.sum(axis=1, keepdims=True)
    rows: list[list[float]] = np.linalg.inv(sensor_of_srgb).tolist()
    return Development.from_rows(rows)


def _to_curve(light: FloatPixels) -> FloatPixels:
    """Apply the sRGB curve (IEC 61966-2-1) to values in [0, 1]."""
    curved = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.asarray(curved, np.float32)


def _to_light(curved: FloatPixels) -> FloatPixels:
    light = np.where(curved <= 0.04045, curved / 12.92, ((curved + 0.055) / 1.055) ** 2.4)
    return np.asarray(light, np.float32)
