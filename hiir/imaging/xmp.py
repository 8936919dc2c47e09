"""What has to leave an XMP packet: the applied orientation, a place, and parts that are gone."""

import re
from collections.abc import Callable
from xml.dom import minidom
from xml.parsers.expat import ExpatError

# Every repetition is short, or a packet could be made that takes minutes to search.
_ORIENTATION = re.compile(
    rb"""\s?tiff:Orientation\s{0,8}=\s{0,8}(?:"[^"]{0,99}"|'[^']{0,99}')"""
    rb"|<tiff:Orientation\b[^>]{0,99}>[^<]{0,99}</tiff:Orientation>"
)
_EXTENSION = re.compile(
    rb"""\s?xmpNote:HasExtendedXMP\s{0,8}=\s{0,8}(?:"[^"]{0,99}"|'[^']{0,99}')"""
    rb"|<xmpNote:HasExtendedXMP\b[^>]{0,99}>[^<]{0,99}</xmpNote:HasExtendedXMP>"
)
# Every name of EXIF's own for a place begins with it; the other is the web's vocabulary for one.
_GPS = "GPS"
_GEO_NAMESPACE = "http://www.w3.org/2003/01/geo/wgs84_pos#"
_CAMERA = "http://ns.google.com/photos/1.0/camera/"
_VIDEO = ("MotionPhoto", "MicroVideo")
_OF_PARTS = (
    "http://ns.google.com/photos/1.0/container/",
    "http://ns.google.com/photos/dd/1.0/",
    "http://ns.adobe.com/hdr-gain-map/1.0/",
    "http://ns.apple.com/HDRGainMap/1.0/",
)


class XmpDamaged(Exception):  # noqa: N818 - said of a packet, which is then left out
    """The packet is not XML that can be changed safely."""


def without_orientation(xmp: bytes) -> bytes:
    """The packet without `tiff:Orientation`; whatever else it holds stays byte for byte."""
    return _ORIENTATION.sub(b"", xmp)


def without_extension(xmp: bytes) -> bytes:
    """The packet without the name of an extension that is left out."""
    return _EXTENSION.sub(b"", xmp)


def without_gps(xmp: bytes) -> bytes:
    """The packet without any place; raises `XmpDamaged` for a packet that does not parse."""
    return _without(xmp, _is_place)


def without_lost_parts(xmp: bytes) -> bytes:
    """The packet without what it says of parts of the file that do not come back.

    Those are the video of a motion photo, the gain map of an HDR photo, and their directories.
    A packet that says nothing of them stays byte for byte. Raises `XmpDamaged`.
    """
    if not speaks_of_lost_parts(xmp):
        return xmp
    return _without(xmp, _is_of_lost_part)


def speaks_of_lost_parts(xmp: object) -> bool:
    """Whether a packet has a name of the vocabularies for a video or a gain map."""
    if not isinstance(xmp, bytes):
        return False
    is_of_camera = _CAMERA.encode() in xmp and any(name.encode() in xmp for name in _VIDEO)
    return is_of_camera or any(namespace.encode() in xmp for namespace in _OF_PARTS)


def _without(xmp: bytes, is_removed: Callable[[minidom.Element | minidom.Attr], bool]) -> bytes:
    """Remove elements and attributes from a packet.

    It is read as XML, since prefixes and quotes are the writer's choice. A packet never has a
    document type, through which XML becomes dangerous to read.
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


def _is_of_lost_part(node: minidom.Element | minidom.Attr) -> bool:
    namespace = node.namespaceURI or ""
    if namespace == _CAMERA:
        return (node.localName or "").startswith(_VIDEO)
    if isinstance(node, minidom.Attr) and node.name.startswith("xmlns"):
        return node.value.startswith(_OF_PARTS)  # a name of a vocabulary that is not used now
    return namespace.startswith(_OF_PARTS)
