"""Images without a deep learning framework: files, limits, tiles and the contract of a model.

Training, evaluation and the service share this package, so that all of them run the same tiles. It
requires only the standard library, numpy, Pillow and libvips.

A name is imported from its module when it is first used: training needs neither libvips nor the
codecs, and runs where they are not installed.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hiir.imaging.analysis.measurement import Measurement
    from hiir.imaging.analysis.photo_analysis import PhotoAnalysis, Suggestion, analyze_photo
    from hiir.imaging.bayer import BayerPattern, DemosaickedRows, demosaic_malvar
    from hiir.imaging.blending import RowBand, RowBlender
    from hiir.imaging.camera_raw import Development, RawPhoto
    from hiir.imaging.codec import Codec
    from hiir.imaging.contract import ModelContract
    from hiir.imaging.decoder import decode, probe
    from hiir.imaging.encoder import EncodedPhoto, encode, written_rows
    from hiir.imaging.errors import (
        CodecFailed,
        ContractError,
        DecodingTimeout,
        DiskFull,
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
    from hiir.imaging.formats import ImageFormat, writable_formats
    from hiir.imaging.geometry import Span, Tile, TilePlan, plan_tiles
    from hiir.imaging.limits import ImageHeader, ImageLimits, check_header
    from hiir.imaging.metadata import ImageMetadata
    from hiir.imaging.noise_estimate import estimate_noise_level, estimate_of_rows
    from hiir.imaging.noise_level import MAX_NOISE_LEVEL, RowsWithLevel, append_level
    from hiir.imaging.notes import Note, NoteCode
    from hiir.imaging.options import ColorPolicy, MetadataPolicy, PhotoOptions
    from hiir.imaging.output_plan import OutputPlan, encoding_bytes, plan_photo
    from hiir.imaging.padding import pad_to
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
    from hiir.imaging.region import Region
    from hiir.imaging.tiled import (
        TileEngine,
        restore_bands,
        restore_tiled,
        restored_shape,
        tiles_of,
    )

__all__ = [
    "DISK_FULL_ERRNOS",
    "MAX_NOISE_LEVEL",
    "BayerPattern",
    "Codec",
    "CodecFailed",
    "ColorPolicy",
    "ContractError",
    "DecodedImage",
    "DecodingTimeout",
    "DemosaickedRows",
    "Development",
    "DiskFull",
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
    "Measurement",
    "MetadataPolicy",
    "ModelContract",
    "ModelOutputInvalid",
    "Note",
    "NoteCode",
    "OutputPlan",
    "OutputUnsupported",
    "PhotoAnalysis",
    "PhotoInfo",
    "PhotoOptions",
    "PixelFile",
    "PixelRows",
    "Pixels",
    "RawPhoto",
    "Region",
    "RowBand",
    "RowBlender",
    "RowsWithLevel",
    "Span",
    "Suggestion",
    "Tile",
    "TileEngine",
    "TilePlan",
    "TilingCanceled",
    "TooManyFrames",
    "Uint8Pixels",
    "Uint16Pixels",
    "UnsupportedImageFormat",
    "UnsupportedPixelMode",
    "analyze_photo",
    "append_level",
    "check_header",
    "decode",
    "demosaic_malvar",
    "encode",
    "encoding_bytes",
    "estimate_noise_level",
    "estimate_of_rows",
    "from_unit",
    "pad_to",
    "plan_photo",
    "plan_tiles",
    "probe",
    "restore_bands",
    "restore_tiled",
    "restored_shape",
    "tiles_of",
    "to_unit",
    "writable_formats",
    "written_rows",
]

_MODULES = {
    "BayerPattern": "bayer",
    "Codec": "codec",
    "CodecFailed": "errors",
    "DISK_FULL_ERRNOS": "pixel_file",
    "DiskFull": "errors",
    "ColorPolicy": "options",
    "ContractError": "errors",
    "DecodedImage": "photo",
    "DecodingTimeout": "errors",
    "DemosaickedRows": "bayer",
    "Development": "camera_raw",
    "EmptyImage": "errors",
    "EncodedPhoto": "encoder",
    "FloatPixels": "pixels",
    "FrameNotFound": "errors",
    "ImageCorrupt": "errors",
    "ImageFormat": "formats",
    "ImageHeader": "limits",
    "ImageLimits": "limits",
    "ImageMetadata": "metadata",
    "ImageTooLarge": "errors",
    "ImageTooSmall": "errors",
    "ImageTruncated": "errors",
    "ImagingError": "errors",
    "Measurement": "analysis.measurement",
    "MetadataPolicy": "options",
    "ModelContract": "contract",
    "ModelOutputInvalid": "errors",
    "Note": "notes",
    "NoteCode": "notes",
    "OutputPlan": "output_plan",
    "OutputUnsupported": "errors",
    "PhotoAnalysis": "analysis.photo_analysis",
    "PhotoInfo": "photo",
    "PhotoOptions": "options",
    "PixelFile": "pixel_file",
    "PixelRows": "pixels",
    "Pixels": "pixels",
    "RawPhoto": "camera_raw",
    "Region": "region",
    "RowBand": "blending",
    "RowBlender": "blending",
    "Span": "geometry",
    "Suggestion": "analysis.photo_analysis",
    "Tile": "geometry",
    "TileEngine": "tiled",
    "TilePlan": "geometry",
    "TilingCanceled": "errors",
    "TooManyFrames": "errors",
    "Uint16Pixels": "pixels",
    "Uint8Pixels": "pixels",
    "UnsupportedImageFormat": "errors",
    "UnsupportedPixelMode": "errors",
    "writable_formats": "formats",
    "check_header": "limits",
    "decode": "decoder",
    "demosaic_malvar": "bayer",
    "encode": "encoder",
    "encoding_bytes": "output_plan",
    "estimate_noise_level": "noise_estimate",
    "estimate_of_rows": "noise_estimate",
    "MAX_NOISE_LEVEL": "noise_level",
    "RowsWithLevel": "noise_level",
    "analyze_photo": "analysis.photo_analysis",
    "append_level": "noise_level",
    "from_unit": "pixels",
    "pad_to": "padding",
    "plan_photo": "output_plan",
    "plan_tiles": "geometry",
    "probe": "decoder",
    "restore_bands": "tiled",
    "restore_tiled": "tiled",
    "restored_shape": "tiled",
    "tiles_of": "tiled",
    "to_unit": "pixels",
    "written_rows": "encoder",
}


def __getattr__(name: str) -> Any:
    """Import a public name from its module (PEP 562)."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value
