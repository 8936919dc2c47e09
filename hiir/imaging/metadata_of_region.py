"""Metadata of a part of a photo, without metadata that applies only to the whole."""

import struct
from dataclasses import replace

from hiir.imaging.exif_edit import without_positions as exif_without_positions
from hiir.imaging.metadata import ImageMetadata
from hiir.imaging.photoshop_resources import iptc_of, wrap_iptc
from hiir.imaging.xmp import XmpDamaged, without_extension
from hiir.imaging.xmp import without_positions as xmp_without_positions


def metadata_of_region(metadata: ImageMetadata) -> ImageMetadata:
    """Return the metadata that is also valid for a part of the photo.

    Positions in the image and its sizes are removed from EXIF and XMP. Metadata that can contain
    such positions but cannot be edited is left out and named in `dropped`: the extension of XMP,
    and all of Photoshop's resources except IPTC. The same applies to a damaged block.
    """
    exif, xmp = metadata.exif, metadata.xmp
    dropped = [name for name in ("extended_xmp",) if metadata.extended_xmp is not None]
    if exif is not None:
        try:
            exif = exif_without_positions(exif)
        except (EOFError, struct.error):
            exif = None
            dropped.append("exif")
    if xmp is not None:
        try:
            xmp = xmp_without_positions(without_extension(xmp))
        except XmpDamaged:
            xmp = None
            dropped.append("xmp")
    photoshop = metadata.photoshop
    if photoshop is not None:
        iptc = iptc_of(photoshop)
        kept = None if iptc is None else wrap_iptc(iptc)
        if kept != photoshop:
            dropped.append("photoshop_rest" if kept else "photoshop")
        photoshop = kept
    return replace(
        metadata,
        exif=exif,
        xmp=xmp,
        extended_xmp=None,
        photoshop=photoshop,
        dropped=(*metadata.dropped, *dropped),
    )
