"""Removes parts of an XMP packet.

These are the applied orientation, a geographic position, and references to lost parts.
"""

import re
from collections.abc import Callable
from fnmatch import fnmatchcase
from xml.dom import minidom
from xml.parsers.expat import ExpatError

# Every repetition is short; otherwise a packet could be made that takes minutes to search.
_ORIENTATION = re.compile(
    rb"""\s?tiff:Orientation\s{0,8}=\s{0,8}(?:"[^"]{0,99}"|'[^']{0,99}')"""
    rb"|<tiff:Orientation\b[^>]{0,99}>[^<]{0,99}</tiff:Orientation>"
)
_EXTENSION = re.compile(
    rb"""\s?xmpNote:HasExtendedXMP\s{0,8}=\s{0,8}(?:"[^"]{0,99}"|'[^']{0,99}')"""
    rb"|<xmpNote:HasExtendedXMP\b[^>]{0,99}>[^<]{0,99}</xmpNote:HasExtendedXMP>"
)
# All EXIF names for a geographic position begin with this; the other is the W3C vocabulary for one.
_GPS = "GPS"
_GEO_NAMESPACE = "http://www.w3.org/2003/01/geo/wgs84_pos#"
_CAMERA = "http://ns.google.com/photos/1.0/camera/"
_VIDEO = ("MotionPhoto", "MicroVideo")
# Names that describe a position in the image, its size, or its content: a name that ends with a
# star stands for all names that begin with it.
_OF_POSITIONS = {
    "http://iptc.org/std/Iptc4xmpExt/2008-02-29/": ("ImageRegion",),
    "http://ns.adobe.com/camera-raw-settings/1.0/": ("Crop*", "HasCrop", "RedEye*", "Retouch*"),
    "http://ns.adobe.com/exif/1.0/": (
        *("PixelXDimension", "PixelYDimension", "SubjectArea", "SubjectLocation"),
    ),
    "http://ns.adobe.com/tiff/1.0/": ("ImageLength", "ImageWidth"),
    "http://ns.adobe.com/xap/1.0/": ("Thumbnails",),
    "http://ns.google.com/photos/1.0/panorama/": ("*",),
    "http://ns.microsoft.com/photo/1.2/": ("RegionInfo",),
    "http://www.metadataworkinggroup.com/schemas/regions/": ("*",),
}
_OF_PARTS = (
    "http://ns.google.com/photos/1.0/container/",
    "http://ns.google.com/photos/dd/1.0/",
    "http://ns.adobe.com/hdr-gain-map/1.0/",
    "http://ns.apple.com/HDRGainMap/1.0/",
)


class XmpDamaged(Exception):  # noqa: N818 - said of a packet, which is then left out
    """The packet is not XML that can be edited safely."""


def without_orientation(xmp: bytes) -> bytes:
    """Return the packet without `tiff:Orientation`; everything else stays byte for byte."""
    return _ORIENTATION.sub(b"", xmp)


def without_extension(xmp: bytes) -> bytes:
    """Return the packet without the reference to an extension that is left out."""
    return _EXTENSION.sub(b"", xmp)


def without_gps(xmp: bytes) -> bytes:
    """Return the packet without any geographic position.

    Raises:
        XmpDamaged: if the packet cannot be parsed.
    """
    return _without(xmp, _is_place)


def without_lost_parts(xmp: bytes) -> bytes:
    """Return the packet without references to parts of the file that are not in the result.

    These are the video of a motion photo, the gain map of an HDR photo, and their directories. A
    packet without such references stays byte for byte.

    Raises:
        XmpDamaged: if the packet cannot be parsed.
    """
    if not speaks_of_lost_parts(xmp):
        return xmp
    return _without(xmp, _is_of_lost_part)


def without_positions(xmp: bytes) -> bytes:
    """Return the packet without metadata that is valid only for the whole image.

    This is for a part of the image, and removes regions of faces and other objects, sizes, crops,
    panoramas and thumbnails. A packet without such metadata stays byte for byte.

    Raises:
        XmpDamaged: if the packet cannot be parsed.
    """
    names = {name.rstrip("*") for group in _OF_POSITIONS.values() for name in group}
    namespaces = [space for space, group in _OF_POSITIONS.items() if group == ("*",)]
    tokens = [*filter(None, names), *namespaces]
    if not any(token.encode() in xmp for token in tokens):
        return xmp
    return _without(xmp, _is_of_position)


def speaks_of_lost_parts(xmp: object) -> bool:
    """Return whether a packet uses a vocabulary for a video or a gain map."""
    if not isinstance(xmp, bytes):
        return False
    is_of_camera = _CAMERA.encode() in xmp and any(name.encode() in xmp for name in _VIDEO)
    return is_of_camera or any(namespace.encode() in xmp for namespace in _OF_PARTS)


def _without(xmp: bytes, is_removed: Callable[[minidom.Element | minidom.Attr], bool]) -> bytes:
    """Remove elements and attributes from a packet.

    The packet is parsed as XML, since the writer chooses prefixes and quotes. A packet must not
    have a document type, which would make parsing dangerous.
    """
    if b"<!DOCTYPE" in xmp.replace(b"\0", b""):
        raise XmpDamaged
    try:
        document = minidom.parseString(xmp.strip(b"\0 \r\n\t"))  # noqa: S318 - no document type
    except (ExpatError, LookupError, ValueError, RecursionError) as error:
        raise XmpDamaged from error
    _remove(document.documentElement, is_removed)
    return document.toxml(encoding="utf-8")


def _remove(
    root: minidom.Element | None, is_removed: Callable[[minidom.Element | minidom.Attr], bool]
) -> None:
    waiting = [root] if root is not None else []
    while waiting:
        element = waiting.pop()
        for attribute in list((element.attributes or {}).values()):
            if is_removed(attribute):
                element.removeAttributeNode(attribute)
        for child in list(element.childNodes):
            if not isinstance(child, minidom.Element):
                continue
            if is_removed(child):
                element.removeChild(child)
            else:
                waiting.append(child)


def _is_place(node: minidom.Element | minidom.Attr) -> bool:
    return (node.localName or "").startswith(_GPS) or node.namespaceURI == _GEO_NAMESPACE


def _is_of_position(node: minidom.Element | minidom.Attr) -> bool:
    patterns = _OF_POSITIONS.get(node.namespaceURI or "", ())
    return any(fnmatchcase(node.localName or "", pattern) for pattern in patterns)


def _is_of_lost_part(node: minidom.Element | minidom.Attr) -> bool:
    namespace = node.namespaceURI or ""
    if namespace == _CAMERA:
        return (node.localName or "").startswith(_VIDEO)
    if isinstance(node, minidom.Attr) and node.name.startswith("xmlns"):
        return node.value.startswith(_OF_PARTS)  # a declaration that is now unused
    return namespace.startswith(_OF_PARTS)
