"""What has to leave an XMP packet: the orientation that was applied, and a photo's place."""

import re
from xml.dom import minidom
from xml.parsers.expat import ExpatError

# Every repetition is short, or a packet could be made that takes minutes to search.
_ORIENTATION = re.compile(
    rb"""\s?tiff:Orientation\s{0,8}=\s{0,8}(?:"[^"]{0,99}"|'[^']{0,99}')"""
    rb"|<tiff:Orientation\b[^>]{0,99}>[^<]{0,99}</tiff:Orientation>"
)
# Every name of EXIF's own for a place begins with it; the other is the web's vocabulary for one.
_GPS = "GPS"
_GEO_NAMESPACE = "http://www.w3.org/2003/01/geo/wgs84_pos#"


class XmpDamaged(Exception):  # noqa: N818 - said of a packet, which is then left out
    """The packet is not XML that can be changed safely."""


def without_orientation(xmp: bytes) -> bytes:
    """The packet without `tiff:Orientation`; whatever else it holds stays byte for byte."""
    return _ORIENTATION.sub(b"", xmp)


def without_gps(xmp: bytes) -> bytes:
    """The packet without any place; raises `XmpDamaged` for a packet that does not parse.

    It is read as XML, since prefixes and quotes are the writer's choice. A packet never has a
    document type, through which XML becomes dangerous to read.
    """
    if b"<!DOCTYPE" in xmp.replace(b"\0", b""):
        raise XmpDamaged
    try:
        document = minidom.parseString(xmp.strip(b"\0 \r\n\t"))  # noqa: S318 - no document type
    except (ExpatError, LookupError, ValueError, RecursionError) as error:
        raise XmpDamaged from error
    _remove_places(document.documentElement)
    return document.toxml(encoding="utf-8")


def _remove_places(root: minidom.Element | None) -> None:
    waiting = [root] if root is not None else []
    while waiting:
        element = waiting.pop()
        for attribute in list((element.attributes or {}).values()):
            if _is_place(attribute):
                element.removeAttributeNode(attribute)
        for child in list(element.childNodes):
            if not isinstance(child, minidom.Element):
                continue
            if _is_place(child):
                element.removeChild(child)
            else:
                waiting.append(child)


def _is_place(node: minidom.Element | minidom.Attr) -> bool:
    return (node.localName or "").startswith(_GPS) or node.namespaceURI == _GEO_NAMESPACE
