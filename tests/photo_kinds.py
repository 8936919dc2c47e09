"""Files that carry something beside their pixels, drawn for the tables of the docs."""

import hashlib
import io
import re
import struct

import numpy as np
import tifffile
from PIL import Image

from hiir.imaging.exif_block import MAKER_NOTE, OWN, PREFIX, NewField, integers, joined
from hiir.imaging.photoshop_resources import wrap_iptc
from hiir.imaging.plugins import enable_heif
from hiir.imaging.png_chunks import pack_chunk
from hiir.imaging.tiff_fields import EXIF_IFD, INTEROP_IFD, SHORT
from tests.camera_raw import dng

PACKET = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-'
    b'ns#"><r:Description xmlns:q="http://ns.adobe.com/xmp/note/"%s/></r:RDF></x:xmpmeta>'
)
EXTENSION = b"<x>" + b"history " * 9000 + b"</x>"
MOTION = b' xmlns:C="http://ns.google.com/photos/1.0/camera/" C:MotionPhoto="1"'


def picture():
    down, right = np.mgrid[0:24, 0:32]
    planes = (6 * down + 2 * right, 5 * right + 10, 220 - 4 * down)
    return np.stack(planes, axis=2).clip(0, 255).astype(np.uint8)


def written(image_format, **options):
    if image_format == "HEIF":
        enable_heif()
    output = io.BytesIO()
    Image.fromarray(picture()).save(output, image_format, **options)
    return output.getvalue()


def png(*chunks):
    content = written("PNG")
    return content[:33] + b"".join(pack_chunk(*chunk) for chunk in chunks) + content[33:]


def jpeg(*segments):
    content = written("JPEG", quality=95)
    made = (struct.pack(">BBH", 0xFF, code, len(data) + 2) + data for code, data in segments)
    return content[:2] + b"".join(made) + content[2:]


def tiff(samples, **options):
    output = io.BytesIO()
    tifffile.imwrite(output, samples, photometric="rgb", metadata=None, **options)
    return output.getvalue()


def gama(value):
    return b"gAMA", struct.pack(">I", round(value * 100_000))


def nclx(image_format, primaries, transfer):
    box = b"colrnclx" + struct.pack(">HH", primaries, transfer)
    return re.sub(
        rb"colrnclx....", lambda _: box, written(image_format, quality=95), flags=re.DOTALL
    )


def camera_exif(parts):
    maker = NewField(tag=271, kind=2, count=6, data=b"Canon\0")
    return (0xE1, PREFIX + joined("<", {OWN: [maker], **parts}))


def adobe_exif():
    index = NewField(tag=1, kind=2, count=4, data=b"R03\0")
    space = integers("<", 40961, SHORT, (65535,))
    return camera_exif({EXIF_IFD: [space], INTEROP_IFD: [index]})


def maker_note():
    # An offset from the start of the block, as Canon writes it: `joined` leaves such a note out
    # where it copies, not where it is given one.
    note = NewField(tag=MAKER_NOTE, kind=7, count=40, data=b"\1\0\6\0\2\0\x10\0\0\0" + bytes(30))
    return camera_exif({EXIF_IFD: [note]})


def xmp(attributes=b""):
    return 0xE1, b"http://ns.adobe.com/xap/1.0/\0" + PACKET % attributes


def extended_xmp():
    name = hashlib.md5(EXTENSION).hexdigest().upper().encode()
    parts = []
    for place in range(0, len(EXTENSION), 60_000):
        where = struct.pack(">II", len(EXTENSION), place)
        part = EXTENSION[place : place + 60_000]
        parts.append((0xE1, b"http://ns.adobe.com/xmp/extension/\0" + name + where + part))
    return jpeg(xmp(b' xmpNote:HasExtendedXMP="%s"' % name), *parts)


def sensor():
    return np.random.default_rng(0).integers(300, 4000, (48, 64), np.uint16)


ADOBE_POINTS = struct.pack(">8I", 31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000)

# What a file carries -> the file, and the name of the metadata that shows whether it is kept.
KINDS = {
    "PNG, gAMA 0.45455 and cHRM": (png(gama(0.45455), (b"cHRM", ADOBE_POINTS)), "icc_profile"),
    "PNG, gAMA 1 (linear)": (png(gama(1.0)), "icc_profile"),
    "PNG, sRGB": (png((b"sRGB", b"\0")), "icc_profile"),
    "PNG, cICP of Display P3": (png((b"cICP", bytes([12, 13, 0, 1]))), "icc_profile"),
    "PNG, cICP of PQ or HLG": (png((b"cICP", bytes([9, 16, 0, 1]))), "icc_profile"),
    "AVIF, nclx of Display P3": (nclx("AVIF", 12, 13), "icc_profile"),
    "AVIF, nclx of PQ or HLG": (nclx("AVIF", 9, 18), "icc_profile"),
    "HEIC, nclx of Display P3": (nclx("HEIF", 12, 13), "icc_profile"),
    "JPEG, Adobe RGB by EXIF": (jpeg(adobe_exif()), "icc_profile"),
    "JPEG, EXIF with a maker note": (jpeg(maker_note()), "exif"),
    "JPEG, XMP": (jpeg(xmp()), "xmp"),
    "JPEG, extension of XMP": (extended_xmp(), "extended_xmp"),
    "JPEG, XMP of a motion photo": (jpeg(xmp(MOTION)), ""),
    "JPEG, IPTC": (jpeg((0xED, b"Photoshop 3.0\0" + wrap_iptc(b"\x1c\2\x78\0\1x"))), "photoshop"),
    "JPEG, comment": (jpeg((0xFE, b"A comment")), "comments"),
    "JPEG, unknown segment": (jpeg((0xEB, b"JP provenance")), ""),
    "PNG, text": (png((b"tEXt", b"Author\0Somebody")), "png_text"),
    "PNG, unknown chunk": (png((b"caBX", b"provenance")), ""),
    "PNG, resolution": (written("PNG", dpi=(300, 300)), "dpi"),
    "PNG, pixels that are not square": (
        png((b"pHYs", struct.pack(">IIB", 2, 1, 0))),
        "pixel_aspect",
    ),
    "WebP, lossless": (written("WEBP", lossless=True), "lossless"),
    "TIFF, two extra channels": (
        tiff(np.dstack([picture(), picture()[..., :2]]), extrasamples=["unspecified"] * 2),
        "",
    ),
    "TIFF, floating point": (tiff(picture().astype(np.float32)), ""),
    "camera raw, other tasks than demosaic": (dng(sensor(), preview=True).getvalue(), ""),
}
