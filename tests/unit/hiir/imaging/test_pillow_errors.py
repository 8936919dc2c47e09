import importlib
import io
import pkgutil
import struct
import zlib

import PIL
import pytest
from PIL import Image

from hiir.imaging import (
    ImageCorrupt,
    ImageFormat,
    ImageTooLarge,
    ImageTruncated,
    ImagingError,
    TooManyFrames,
)
from hiir.imaging.pillow_errors import translated

# They need what a machine may lack (a window system, olefile, types for a checker), or are a
# command line.
NOT_IMPORTED = {
    "PIL.FpxImagePlugin",
    "PIL.ImageQt",
    "PIL.ImageTk",
    "PIL.MicImagePlugin",
    "PIL.__main__",
    "PIL._imagingtk",
    "PIL._tkinter_finder",
    "PIL._typing",
}
# Color management translates its own (`color`).
NEVER_RAISED = {"PyCMSError"}


def exceptions_of_pillow():
    found = set()
    for module in pkgutil.iter_modules(PIL.__path__, "PIL."):
        if module.name in NOT_IMPORTED:
            continue
        names = vars(importlib.import_module(module.name))
        found |= {
            value
            for value in names.values()
            if isinstance(value, type)
            and issubclass(value, Exception)
            and value.__module__.startswith("PIL")
        }
    return sorted(found, key=lambda kind: kind.__name__)


def raise_inside(error, data=b"\xff\xd8\xff\xd9"):
    with translated(io.BytesIO(data), ImageFormat.JPEG):
        raise error


def test_the_walk_finds_the_exceptions_that_pillow_documents():
    names = {kind.__name__ for kind in exceptions_of_pillow()}
    assert names >= {
        "DecompressionBombError",
        "DecompressionBombWarning",
        "UnidentifiedImageError",
        *NEVER_RAISED,
    }


@pytest.mark.parametrize("kind", exceptions_of_pillow(), ids=lambda kind: kind.__name__)
def test_every_exception_of_pillow_is_translated(kind):
    if kind.__name__ in NEVER_RAISED:
        with pytest.raises(kind):
            raise_inside(kind("as it is"))
        return
    expected = ImageTooLarge if "Bomb" in kind.__name__ else ImageCorrupt
    with pytest.raises(expected) as caught:
        raise_inside(kind("secret"))
    assert isinstance(caught.value.__cause__, kind)


@pytest.mark.parametrize(
    "error",
    [
        AssertionError(),
        AttributeError(),
        EOFError(),
        IndexError(),
        KeyError(),
        NotImplementedError(),
        OSError("broken data stream"),
        OverflowError(),
        RecursionError(),
        SyntaxError("not a PNG file"),
        TypeError(),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid"),
        UserWarning("Corrupt EXIF data"),
        ValueError(),
        ZeroDivisionError(),
        struct.error(),
        zlib.error(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_whatever_else_its_parsers_let_through_is_translated(error):
    with pytest.raises(ImageCorrupt) as caught:
        raise_inside(error)
    assert caught.value.__cause__ is error


def test_the_same_error_in_a_file_that_lacks_its_end_is_truncation():
    with pytest.raises(ImageTruncated):
        raise_inside(OSError("broken data stream"), data=b"\xff\xd8\xff")


def test_memory_that_runs_out_is_a_matter_of_size():
    with pytest.raises(ImageTooLarge, match="memory"):
        raise_inside(MemoryError())


def test_a_bomb_is_told_with_the_ceiling(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(ImageTooLarge) as caught:
        raise_inside(Image.DecompressionBombError("2001 pixels"))
    assert (caught.value.limit, caught.value.actual) == (1000, "more than 1000")


def test_our_own_errors_pass_as_they_are():
    error = TooManyFrames("Two frames.", limit=1, actual=2)
    with pytest.raises(TooManyFrames) as caught:
        raise_inside(error)
    assert caught.value is error


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(), GeneratorExit()])
def test_a_request_to_end_the_process_passes(error):
    with pytest.raises(type(error)):
        raise_inside(error)


def test_no_words_of_pillow_reach_the_person_who_sent_the_file():
    with pytest.raises(ImagingError) as caught:
        raise_inside(OSError("/srv/secret: cannot identify image file"))
    assert "secret" not in caught.value.detail
    assert "JPEG" in caught.value.detail
