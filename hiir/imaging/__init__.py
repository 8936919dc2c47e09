"""Images without a framework: files, limits, tiles and the contract of a model.

Shared by training, evaluation and the service, so that all of them run the same tiles.
Needs the standard library, numpy, Pillow and libvips only.
"""

from hiir.imaging.bayer import BayerPattern, DemosaickedRows, demosaic_malvar
from hiir.imaging.blending import RowBand, RowBlender
from hiir.imaging.camera_raw import Development, RawPhoto
from hiir.imaging.codec import Codec
from hiir.imaging.contract import ModelContract
from hiir.imaging.decoder import decode, probe
from hiir.imaging.encoder import EncodedPhoto, encode
from hiir.imaging.errors import (
    CodecFailed,
    ContractError,
    DecodingTimeout,
    EmptyImage,
    FrameNotFound,
    ImageCorrupt,
    ImageTooLarge,
    ImageTooSmall,
    ImageTruncated,
    ImagingError,
    ModelOutputInvalid,
    OutputUnsupported,
    TilingCanceled,
    TooManyFrames,
    UnsupportedImageFormat,
    UnsupportedPixelMode,
)
from hiir.imaging.formats import ImageFormat, available_formats
from hiir.imaging.geometry import Tile, TilePlan, plan_tiles
from hiir.imaging.limits import ImageHeader, ImageLimits, check_header
from hiir.imaging.metadata import ImageMetadata
from hiir.imaging.notes import Note, NoteCode
from hiir.imaging.options import ColorPolicy, MetadataPolicy, PhotoOptions
from hiir.imaging.output_plan import OutputPlan, encoding_bytes, plan_photo
from hiir.imaging.padding import pad_to_tile
from hiir.imaging.photo import DecodedImage, PhotoInfo
from hiir.imaging.pixel_file import PixelFile
from hiir.imaging.pixels import (
    FloatPixels,
    PixelRows,
    Pixels,
    Uint8Pixels,
    Uint16Pixels,
    from_unit,
    to_unit,
)
from hiir.imaging.tiled import TileEngine, restore_bands, restore_tiled, restored_shape

__all__ = [
    "BayerPattern",
    "Codec",
    "CodecFailed",
    "ColorPolicy",
    "ContractError",
    "DecodedImage",
    "DecodingTimeout",
    "DemosaickedRows",
    "Development",
    "EmptyImage",
    "EncodedPhoto",
    "FloatPixels",
    "FrameNotFound",
    "ImageCorrupt",
    "ImageFormat",
    "ImageHeader",
    "ImageLimits",
    "ImageMetadata",
    "ImageTooLarge",
    "ImageTooSmall",
    "ImageTruncated",
    "ImagingError",
    "MetadataPolicy",
    "ModelContract",
    "ModelOutputInvalid",
    "Note",
    "NoteCode",
    "OutputPlan",
    "OutputUnsupported",
    "PhotoInfo",
    "PhotoOptions",
    "PixelFile",
    "PixelRows",
    "Pixels",
    "RawPhoto",
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
    "available_formats",
    "check_header",
    "decode",
    "demosaic_malvar",
    "encode",
    "encoding_bytes",
    "from_unit",
    "pad_to_tile",
    "plan_photo",
    "plan_tiles",
    "probe",
    "restore_bands",
    "restore_tiled",
    "restored_shape",
    "to_unit",
]
