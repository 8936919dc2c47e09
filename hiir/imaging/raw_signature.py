"""Detects camera raw files by content: most are TIFF files whose first page is a preview.

A file is camera raw if it has a `DNGVersion`, if one of its pages or sub-pages holds the samples of
a color filter array (TIFF/EP) or linear raw samples (DNG), or if the first page is a reduced image
of one that only a sub-page holds.
"""

from typing import BinaryIO

from hiir.imaging.tiff_fields import SUB_IFDS, TiffFields, TiffReader

# Offset and bytes; the signature of CR2 follows the header of a TIFF.
_SIGNATURES = {
    (0, b"FUJIFILMCCD-RAW"): "RAF",
    (0, b"IIU\0"): "RW2",
    (0, b"IIRO"): "ORF",
    (0, b"IIRS"): "ORF",
    (0, b"MMOR"): "ORF",
    (0, b"\0MRM"): "MRW",
    (0, b"FOVb"): "X3F",
    (6, b"HEAPCCDR"): "CRW",
    (4, b"ftypcrx "): "CR3",
    (8, b"CR\x02\0"): "CR2",
}
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_SUBFILE_TYPE, _PHOTOMETRIC, _MAKE, _DNG_VERSION = 254, 262, 271, 50706
_REDUCED = 1
_RAW_PHOTOMETRIC = {32803, 34892}  # color filter array, linear raw
_MAX_SUB_PAGES = 16
_BY_MAKER = {"NIKON": "NEF", "SONY": "ARW", "PENTAX": "PEF", "RICOH": "PEF", "CANON": "CR2"}


def camera_raw_name(stream: BinaryIO) -> str | None:
    """Return the name of a camera raw format, such as `DNG`; None for any other file.

    The stream is left at its start.
    """
    stream.seek(0)
    start = stream.read(64)
    try:
        return _name(stream, start)
    except EOFError:
        return None  # a damaged TIFF, whose parser gives a better error
    finally:
        stream.seek(0)


def _name(stream: BinaryIO, start: bytes) -> str | None:
    for (place, signature), name in _SIGNATURES.items():
        if start.startswith(signature, place):
            return name
    return _name_of_tiff(stream) if start.startswith(_TIFF) else None


def _name_of_tiff(stream: BinaryIO) -> str | None:
    reader = TiffReader(stream)
    for index, page in enumerate(reader.chain()):
        if _DNG_VERSION in page.fields:
            return "DNG"
        if _holds_raw_samples(reader, page, is_first=index == 0):
            return _by_maker(reader, page)
    return None


def _holds_raw_samples(reader: TiffReader, page: TiffFields, *, is_first: bool) -> bool:
    if reader.number(page.fields, _PHOTOMETRIC) in _RAW_PHOTOMETRIC:
        return True
    below = reader.numbers(page.fields.get(SUB_IFDS))[:_MAX_SUB_PAGES]
    if is_first and below and reader.number(page.fields, _SUBFILE_TYPE) & _REDUCED:
        return True
    for place in below:
        try:
            fields = reader.directory(place).fields
        except EOFError:
            continue
        if reader.number(fields, _PHOTOMETRIC) in _RAW_PHOTOMETRIC:
            return True
    return False


def _by_maker(reader: TiffReader, page: TiffFields) -> str:
    field = page.fields.get(_MAKE)
    maker = "" if field is None else reader.data(field)[:64].decode("latin-1").upper()
    return next((name for word, name in _BY_MAKER.items() if word in maker), "TIFF/EP")
