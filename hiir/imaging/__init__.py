"""Images without a framework: files, limits, tiles and the contract of a model.

Shared by training, evaluation and the service, so that all of them run the same tiles.
Needs the standard library, numpy and Pillow only.
"""

from hiir.imaging.bayer import BayerPattern, demosaic_malvar
from hiir.imaging.blending import RowBand, RowBlender
from hiir.imaging.codec import DecodedImage, decode, encode, probe
from hiir.imaging.contract import ModelContract
from hiir.imaging.errors import (
    ContractError,
    EmptyImage,
    ImageCorrupt,
    ImageTooLarge,
    ImageTooSmall,
    ImageTruncated,
    ImagingError,
    ModelOutputInvalid,
    TilingCanceled,
    TooManyFrames,
    UnsupportedImageFormat,
    UnsupportedPixelMode,
)
from hiir.imaging.formats import ImageFormat
from hiir.imaging.geometry import Tile, TilePlan, plan_tiles
from hiir.imaging.limits import ImageHeader, ImageLimits, check_header
from hiir.imaging.metadata import ImageMetadata
from hiir.imaging.padding import pad_to_tile
from hiir.imaging.pixels import FloatPixels, Uint8Pixels, Uint16Pixels, from_unit, to_unit
from hiir.imaging.tiled import TileEngine, restore_bands, restore_tiled

__all__ = [
    "BayerPattern",
    "ContractError",
    "DecodedImage",
    "EmptyImage",
    "FloatPixels",
    "ImageCorrupt",
    "ImageFormat",
    "ImageHeader",
    "ImageLimits",
    "ImageMetadata",
    "ImageTooLarge",
    "ImageTooSmall",
    "ImageTruncated",
    "ImagingError",
    "ModelContract",
    "ModelOutputInvalid",
    "RowBand",
    "RowBlender",
    "Tile",
    "TileEngine",
    "TilePlan",
    "TilingCanceled",
    "TooManyFrames",
    "Uint8Pixels",
    "Uint16Pixels",
    "UnsupportedImageFormat",
    "UnsupportedPixelMode",
    "check_header",
    "decode",
    "demosaic_malvar",
    "encode",
    "from_unit",
    "pad_to_tile",
    "plan_tiles",
    "probe",
    "restore_bands",
    "restore_tiled",
    "to_unit",
]
