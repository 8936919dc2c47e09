"""Notes on parts of a photo that decoding changed or left out."""

from collections.abc import Iterator
from typing import BinaryIO

from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from hiir.imaging import jpeg_segments, png_chunks, webp_chunks
from hiir.imaging.limits import ImageHeader
from hiir.imaging.metadata import METADATA_NAMES, ImageMetadata
from hiir.imaging.modes import Layout
from hiir.imaging.notes import Note, NoteCode
from hiir.imaging.options import MetadataPolicy
from hiir.imaging.orientation import Orientation
from hiir.imaging.xmp import speaks_of_lost_parts

_SAMPLES_PER_PIXEL = 277
_TIFF_PARTS = {330: "images in sub-pages", 37724: "Photoshop's layers"}
# Names that pillow-heif gives to the further images of a HEIC file.
_OTHER_IMAGES = {"aux": "auxiliary images, such as a gain map", "depth_images": "a depth map"}


def notes_on_layout(
    header: ImageHeader, layout: Layout, orientation: Orientation, frame: int | None
) -> Iterator[Note]:
    """Yield notes on the selected frame, its rotation, and a change of its samples."""
    if frame is not None and header.frames > 1:
        detail = f"Frame {frame} of {header.frames} was taken; the others are left out."
        yield Note(code=NoteCode.FRAME_SELECTED, detail=detail)
    if not orientation.is_upright:
        detail = "The pixels were turned as EXIF's orientation says, and the tag was removed."
        yield Note(code=NoteCode.ORIENTATION_APPLIED, detail=detail)
    if layout.expanded:
        detail = f"Pixel mode {header.mode} is written as 8-bit gray or RGB."
        yield Note(code=NoteCode.MODE_EXPANDED, detail=detail)


def notes_on_metadata(metadata: ImageMetadata, damaged: tuple[str, ...]) -> Iterator[Note]:
    """Yield notes on metadata that was left out, and on damaged parts."""
    for name in metadata.dropped:
        detail = f"{METADATA_NAMES[name]} {_WHY.get(name, _DAMAGED)}, and was left out."
        yield Note(code=NoteCode.METADATA_DROPPED, detail=detail)
    if damaged:
        detail = f"Damaged parts of the file were left out: {', '.join(damaged)}."
        yield Note(code=NoteCode.METADATA_DROPPED, detail=detail)


_DAMAGED = "is damaged or too large"
_WHY = {
    "extended_xmp": "is damaged, too large, or cannot be changed as the request asks",
    "maker_note": "holds offsets into a file of another layout",
}


def notes_on_parts(
    image: ImageFile, stream: BinaryIO, layout: Layout, policy: MetadataPolicy
) -> Iterator[Note]:
    """Yield notes on other content of the file: further pictures, a video, segments, channels."""
    parts = [] if policy is MetadataPolicy.STRIP else [*_other_parts(image, stream)]
    if parts:
        detail = f"The file held more than the photo, which was left out: {'; '.join(parts)}."
        yield Note(code=NoteCode.PARTS_DROPPED, detail=detail)
    if isinstance(image, TiffImageFile) and image.mode not in {"1", "P", "PA"}:
        extra = image.tag_v2.get(_SAMPLES_PER_PIXEL, 1) - len(layout.mode)
        if extra > 0:
            detail = f"{extra} extra channel(s) beside colors and alpha were left out."
            yield Note(code=NoteCode.CHANNELS_DROPPED, detail=detail)


def _other_parts(image: ImageFile, stream: BinaryIO) -> Iterator[str]:
    if isinstance(image, JpegImageFile):
        yield from jpeg_segments.left_out(image, stream)
    elif isinstance(image, PngImageFile):
        yield from png_chunks.left_out(stream)
    elif isinstance(image, WebPImageFile):
        yield from webp_chunks.left_out(stream)
    elif isinstance(image, TiffImageFile):
        yield from (name for tag, name in _TIFF_PARTS.items() if tag in image.tag_v2)
    yield from (name for key, name in _OTHER_IMAGES.items() if image.info.get(key))
    if speaks_of_lost_parts(image.info.get("xmp")):
        yield "what XMP says of a video or of a gain map"


def notes_on_background(background: tuple[int, ...] | None) -> Iterator[Note]:
    """Yield a note if the photo was made opaque."""
    if background is not None:
        detail = "Transparency was replaced by the background."
        yield Note(code=NoteCode.ALPHA_FLATTENED, detail=detail)
