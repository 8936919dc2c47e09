"""Every format into every other, through a model that changes nothing: the table in the docs.

`python -m tests.unit.hiir.imaging.test_matrix` measures and writes it.
"""

import io
import re
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms

from hiir.imaging import (
    ImageFormat,
    ImageLimits,
    ImageMetadata,
    NoteCode,
    OutputUnsupported,
    PhotoInfo,
    PhotoOptions,
    UnsupportedImageFormat,
    UnsupportedPixelMode,
    decode,
    encode,
    probe,
)
from hiir.imaging.encoder import encode_to
from hiir.imaging.photo import DecodedImage
from hiir.imaging.pixels import change_depth
from hiir.imaging.plugins import enable_heif
from tests.photo_kinds import KINDS

PAGE = Path(__file__).parents[4] / "docs/07-photos.md"
PLACE = re.compile(r"<!-- matrix -->\n.*?<!-- /matrix -->", re.DOTALL)
PLACE_OF_KINDS = re.compile(r"<!-- kinds -->\n.*?<!-- /kinds -->", re.DOTALL)
LOSSES = {NoteCode.CHANNELS_DROPPED, NoteCode.METADATA_DROPPED, NoteCode.PARTS_DROPPED}
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
CLOSE = 6  # mean difference of levels that compression may make of a smooth picture

PILLOW_NAMES = {ImageFormat.HEIC: "HEIF"}
LOSSY = {ImageFormat.AVIF, ImageFormat.HEIC, ImageFormat.JPEG, ImageFormat.WEBP}
MODES = {
    ImageFormat.AVIF: ("RGB", "RGBA"),
    ImageFormat.BMP: ("L", "RGB"),
    ImageFormat.HEIC: ("RGB", "RGBA"),
    ImageFormat.JPEG: ("L", "RGB"),
    ImageFormat.PNG: ("L", "LA", "RGB", "RGBA"),
    ImageFormat.TIFF: ("L", "LA", "RGB", "RGBA"),
    ImageFormat.WEBP: ("RGB", "RGBA"),
}
DEEP = (ImageFormat.PNG, ImageFormat.TIFF)
SOURCES = [
    (source, mode, depth)
    for source in ImageFormat
    for mode in MODES[source]
    for depth in ((8, 16) if source in DEEP else (8,))
]


def picture(mode: str, depth: int) -> np.ndarray:
    """A smooth picture without symmetry, wholly seen: `(24, 32, n)`."""
    down, right = np.mgrid[0:24, 0:32]
    planes = (6 * down + 2 * right, 5 * right + 10, 220 - 4 * down)[: 1 if mode[0] == "L" else 3]
    levels = np.stack(planes, axis=2).clip(0, 255).astype(np.uint8)
    if mode.endswith("A"):
        levels = np.dstack([levels, (80 + 5 * right).clip(1, 255).astype(np.uint8)])
    if depth == 8:
        return levels
    deep = change_depth(levels, np.dtype(np.uint16))
    deep[..., :] -= (deep > 400) * np.uint16(131)  # so that 8 bits do not hold it
    return deep


@cache
def file(source: ImageFormat, mode: str, depth: int, orientation: int, profile: bool) -> bytes:
    samples = picture(mode, depth)
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Maker"
    if orientation != 1:
        exif[ExifTags.Base.Orientation] = orientation
    icc = PROFILE if profile else None
    if depth == 16 or (source is ImageFormat.TIFF and mode == "LA"):
        return _written_by_us(source, samples, ImageMetadata(exif=exif.tobytes(), icc_profile=icc))
    if source is ImageFormat.HEIC:
        enable_heif()
    output = io.BytesIO()
    options = {"exif": exif.tobytes()} if source is not ImageFormat.BMP else {}
    if source in LOSSY:
        options["quality"] = 95
    if icc and source is not ImageFormat.BMP:
        options["icc_profile"] = icc
    image = Image.fromarray(samples[..., 0] if mode == "L" else samples)
    image.save(output, PILLOW_NAMES.get(source, source.name), **options)
    return output.getvalue()


def _written_by_us(source: ImageFormat, samples: np.ndarray, metadata: ImageMetadata) -> bytes:
    count = samples.shape[2]
    colors, alpha = samples, None
    if count % 2 == 0:
        colors, alpha = samples[..., :-1], samples[..., -1]
    blank = io.BytesIO()
    Image.new("L", (32, 24)).save(blank, "PNG")
    header = probe(blank.getvalue())
    header = type(header)(
        **{
            **{name: getattr(header, name) for name in header.__dataclass_fields__},
            "format": source,
            "bit_depth": 8 * samples.dtype.itemsize,
        }
    )
    info = PhotoInfo(
        header=header, shape=colors.shape, has_alpha=alpha is not None, metadata=metadata
    )
    return encode(colors, like=DecodedImage(info=info, pixels=colors, alpha=alpha))


def cell(source: ImageFormat, mode: str, depth: int, target: ImageFormat) -> str:
    """What becomes of such a file: the same for every orientation, with or without a profile."""
    found = {
        send(file(source, mode, depth, orientation, profile), source, target, profile=profile)
        for orientation, profile in product((1, 6), (False, True))
    }
    assert len(found) == 1, (source, mode, depth, target, found)
    return found.pop()


def send(content: bytes, source: ImageFormat, target: ImageFormat, *, profile: bool) -> str:
    image = decode(content, ImageLimits())
    try:
        written = encode(image.pixels, like=image, options=PhotoOptions(format=target))
    except OutputUnsupported:
        return "refused"
    again = decode(written, ImageLimits())
    assert again.info.header.format is target
    assert again.info.notes == ()  # upright now, and in a mode of its own
    if ImageFormat.BMP not in (source, target):
        assert again.info.metadata.icc_profile == (PROFILE if profile else None)
        assert b"Maker" in again.info.metadata.exif
    return compared(image, again)


def compared(image: DecodedImage, again: DecodedImage) -> str:
    first, second = (np.asarray(planes) for planes in (image.pixels, again.pixels))
    shallow = change_depth(first, second.dtype)
    gray = shallow.repeat(second.shape[2] // shallow.shape[2], axis=2)
    assert gray.shape == second.shape
    alike = np.array_equal(gray, second)
    if image.alpha is not None:
        shown = change_depth(image.alpha, second.dtype)
        alike = alike and np.array_equal(shown, again.alpha)
        assert np.abs(shown.astype(int) - again.alpha).mean() < CLOSE
    assert np.abs(gray.astype(int) - second).mean() < CLOSE
    lossy = again.info.header.format in LOSSY  # which may be exact by chance
    return ("exact" if alike and not lossy else "close") + (
        ", 8 bits" if first.dtype != second.dtype else ""
    )


def table() -> str:
    head = [item.value for item in ImageFormat]
    lines = [f"| in \\ out | {' | '.join(head)} |", "|---" * (len(head) + 1) + "|"]
    for source, mode, depth in SOURCES:
        cells = [cell(source, mode, depth, target) for target in ImageFormat]
        lines.append(f"| {source.value}, {mode}, {depth} bits | {' | '.join(cells)} |")
    return "\n".join(lines)


def marked(text: str, name: str = "matrix") -> str:
    return f"<!-- {name} -->\n{text}\n<!-- /{name} -->"


def fate(kind: str, target: ImageFormat) -> str:
    """What becomes of what a file carries beside its pixels; raises where that is silence."""
    content, name = KINDS[kind]
    try:
        image = decode(content, ImageLimits())
    except (UnsupportedImageFormat, UnsupportedPixelMode):
        return "refused"
    output = io.BytesIO()
    options = PhotoOptions(format=target)
    notes = {
        note.code for note in encode_to(output, image.pixels, like=image, options=options).notes
    }
    again = decode(output.getvalue(), ImageLimits()).info
    if NoteCode.COLOR_CONVERTED in notes:
        return "converted"
    if name == "lossless":
        return "kept" if again.header.is_lossless or target not in LOSSY else "with loss"
    if name and getattr(again.metadata, name):
        assert not notes, (kind, target, notes)
        return "kept"
    assert notes & LOSSES, (kind, target, "lost in silence")
    return "noted"


def table_of_kinds() -> str:
    head = [item.value for item in ImageFormat]
    lines = [f"| in \\ out | {' | '.join(head)} |", "|---" * (len(head) + 1) + "|"]
    for kind in KINDS:
        cells = [fate(kind, target) for target in ImageFormat]
        lines.append(f"| {kind} | {' | '.join(cells)} |")
    return "\n".join(lines)


def test_what_a_file_carries_is_kept_converted_noted_or_refused_as_the_docs_say() -> None:
    assert marked(table_of_kinds(), "kinds") in PAGE.read_text()


@pytest.mark.slow
def test_every_format_into_every_other_does_what_the_docs_say() -> None:
    assert marked(table()) in PAGE.read_text()


@pytest.mark.parametrize("target", [ImageFormat.PNG, ImageFormat.TIFF])
@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_without_loss_means_every_sample(mode: str, depth: int, target: ImageFormat) -> None:
    for source in DEEP:
        assert cell(source, mode, depth, target) == "exact"


if __name__ == "__main__":
    page = PLACE.sub(lambda _: marked(table()), PAGE.read_text())
    page = PLACE_OF_KINDS.sub(lambda _: marked(table_of_kinds(), "kinds"), page)
    PAGE.write_text(page)
