import asyncio
import tempfile

import pytest
from starlette import formparsers
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect

from service.errors import (
    BodyTooLargeError,
    DuplicateParameterError,
    InvalidMultipartError,
    MissingFileError,
    TooManyFilesError,
    UnknownParameterError,
    UnsupportedMediaTypeError,
    UploadInterruptedError,
)
from service.intake.receive import receive_upload, refuse_unknown
from service.limits import MIB, Limits

BOUNDARY = "frontier"
FORM = f"multipart/form-data; boundary={BOUNDARY}"
IMAGE = bytes(range(256)) * 40


class Stream:
    """A request's body in chunks, counted as they are taken; it may break off."""

    def __init__(self, body, *, chunk=1000, breaks_at=None):
        self._body = body
        self._chunk = chunk
        self._breaks_at = breaks_at
        self.taken = 0

    async def __aiter__(self):
        while self.taken < len(self._body):
            if self._breaks_at is not None and self.taken >= self._breaks_at:
                raise ClientDisconnect
            piece = self._body[self.taken : self.taken + self._chunk]
            self.taken += len(piece)
            yield piece
        yield b""


def part(name, content, *, filename=None, headers=""):
    disposition = f'form-data; name="{name}"'
    if filename is not None:
        disposition += f'; filename="{filename}"'
    head = f"--{BOUNDARY}\r\nContent-Disposition: {disposition}\r\n{headers}\r\n"
    body = content if isinstance(content, bytes) else content.encode()
    return head.encode() + body + b"\r\n"


def form(*parts):
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def photo(name="file", content=IMAGE, filename="photo.jpg"):
    return part(name, content, filename=filename, headers="Content-Type: image/jpeg\r\n")


def receive(stream, *, media_type=FORM, limits=None, length=None, fields=("task",)):
    if not isinstance(stream, Stream):
        stream = Stream(stream)
    headers = {} if media_type is None else {"content-type": media_type}
    if length is not None:
        headers["content-length"] = str(length)
    return asyncio.run(
        receive_upload(
            headers=Headers(headers),
            stream=aiter(stream),
            limits=limits or Limits(),
            allowed_fields=fields,
        )
    )


def read(upload):
    content = b"".join(upload.pieces())
    upload.close()
    return content


@pytest.fixture(autouse=True)
def spooled(monkeypatch):
    """Every temporary file that was made; at the end of a test all must be closed."""
    made = []

    def recorded(factory):
        def make(*args, **options):
            made.append(factory(*args, **options))
            return made[-1]

        return make

    for module, name in ((tempfile, "TemporaryFile"), (formparsers, "SpooledTemporaryFile")):
        monkeypatch.setattr(module, name, recorded(getattr(module, name)))
    yield made
    assert all(file.closed for file in made)


@pytest.mark.parametrize("size", [0, 1, 1000, MIB, MIB + 1, 3 * MIB + 17])
@pytest.mark.parametrize("chunk", [777, 64 * 1024, 5 * MIB])
def test_an_image_as_the_body_is_received_byte_for_byte(spooled, size, chunk):
    body = (IMAGE * (size // len(IMAGE) + 1))[:size]
    upload = receive(Stream(body, chunk=chunk), media_type="image/png")
    assert (upload.filename, upload.fields) == (None, {})
    assert read(upload) == body
    assert len(spooled) == 1


@pytest.mark.parametrize("size", [0, 1, 1000, MIB + 1])
@pytest.mark.parametrize("chunk", [13, 64 * 1024])
def test_a_file_in_a_form_is_received_byte_for_byte(size, chunk):
    content = (IMAGE * (size // len(IMAGE) + 1))[:size]
    body = form(part("task", "denoise-color"), photo(content=content))
    upload = receive(Stream(body, chunk=chunk if size < MIB else 64 * 1024))
    assert upload.filename == "photo.jpg"
    assert upload.fields == {"task": "denoise-color"}
    assert read(upload) == content


def test_an_upload_can_be_read_more_than_once():
    upload = receive(form(photo()))
    assert b"".join(upload.pieces()) == b"".join(upload.pieces()) == IMAGE
    upload.close()


def test_content_that_looks_like_framing_is_content():
    content = b"\r\n--front\r\n--" + b"\r\n\r\n" * 9
    assert read(receive(form(photo(content=content)))) == content


@pytest.mark.parametrize(
    "media_type", ["image/jpeg", "IMAGE/PNG", "image/x-unheard-of; q=1", "application/octet-stream"]
)
def test_the_media_type_only_tells_a_form_from_an_image(media_type):
    assert read(receive(IMAGE, media_type=media_type)) == IMAGE


@pytest.mark.parametrize(
    "media_type", [None, "", "text/plain", "application/xml", "multipart/mixed; boundary=x"]
)
def test_another_media_type_is_refused_before_a_byte_is_read(media_type):
    stream = Stream(IMAGE)
    with pytest.raises(UnsupportedMediaTypeError) as caught:
        receive(stream, media_type=media_type)
    assert caught.value.actual == ((media_type or "none").partition(";")[0])
    assert stream.taken == 0


@pytest.mark.parametrize("media_type", [FORM, "image/png"])
def test_a_length_that_is_announced_and_too_large_is_refused_before_a_byte_is_read(media_type):
    stream = Stream(IMAGE)
    with pytest.raises(BodyTooLargeError) as caught:
        receive(stream, media_type=media_type, limits=Limits(body_bytes=10), length=11)
    assert (caught.value.limit, caught.value.actual) == (10, 11)
    assert stream.taken == 0


@pytest.mark.parametrize("length", [None, 5, "nonsense"])
@pytest.mark.parametrize("media_type", [FORM, "image/png"])
def test_a_body_that_grows_too_large_is_refused_while_it_comes(spooled, media_type, length):
    body = form(photo(content=IMAGE * 30)) if media_type == FORM else IMAGE * 30
    stream = Stream(body)
    with pytest.raises(BodyTooLargeError) as caught:
        receive(stream, media_type=media_type, limits=Limits(body_bytes=5500), length=length)
    assert (caught.value.limit, caught.value.actual) == (5500, 6000)
    assert stream.taken == 6000


def test_a_body_of_exactly_the_limit_is_taken():
    limits = Limits(body_bytes=len(IMAGE))
    upload = receive(IMAGE, media_type="image/png", limits=limits, length=len(IMAGE))
    assert read(upload) == IMAGE
    body = form(photo())
    assert read(receive(body, limits=Limits(body_bytes=len(body)))) == IMAGE


def test_the_framing_of_a_form_counts_too():
    with pytest.raises(BodyTooLargeError):
        receive(form(photo()), limits=Limits(body_bytes=len(IMAGE) + 10))


@pytest.mark.parametrize("media_type", [FORM, "image/png"])
def test_a_connection_that_ends_early_leaves_nothing(media_type):
    body = form(photo(content=IMAGE * 200)) if media_type == FORM else IMAGE * 200
    with pytest.raises(UploadInterruptedError):
        receive(Stream(body, breaks_at=1_500_000), media_type=media_type)


@pytest.mark.parametrize(
    "files",
    [
        (photo(), photo()),
        (photo("file_right"), photo(), photo()),
        (photo(filename="a.png"), photo(filename="b.png"), photo(filename="c.png")),
    ],
)
def test_more_than_one_file_is_refused_with_their_number(files):
    with pytest.raises(TooManyFilesError) as caught:
        receive(form(*files))
    names = ["file" if b'name="file"' in one else "right" for one in files]
    assert (caught.value.limit, caught.value.actual) == (1, names.count("file"))


def test_a_file_of_another_name_is_refused_with_those_that_there_are():
    with pytest.raises(UnknownParameterError) as caught:
        receive(form(photo(), photo("mask")))
    assert (caught.value.limit, caught.value.actual) == ("file, file_right", "mask")


def test_two_views_are_kept_apart_and_given_one_after_the_other():
    upload = receive(form(photo("file_right", b"right", filename="r.png"), photo(content=b"left")))
    assert [view.seek(0) or view.read() for view in upload.views] == [b"left", b"right"]
    assert (b"".join(upload.pieces()), upload.right_from) == (b"leftright", 4)
    assert upload.filename == "photo.jpg"
    upload.close()
    assert all(view.closed for view in upload.views)


def test_a_right_view_alone_is_not_enough():
    with pytest.raises(MissingFileError):
        receive(form(photo("file_right")))


def test_one_view_has_no_right_one():
    upload = receive(form(photo()))
    assert (upload.right_from, len(upload.views)) == (None, 1)
    upload.close()


@pytest.mark.parametrize("body", [form(), form(part("task", "x"))])
def test_a_form_without_a_file_is_refused(body):
    with pytest.raises(MissingFileError):
        receive(body)


def test_a_file_under_another_name_is_told_the_right_one():
    with pytest.raises(UnknownParameterError) as caught:
        receive(form(photo("image")))
    assert (caught.value.limit, caught.value.actual) == ("file, file_right", "image")


def test_an_unknown_field_is_refused_with_the_known_ones():
    with pytest.raises(UnknownParameterError) as caught:
        receive(form(part("sigma", "25"), part("speed", "9"), photo()))
    assert (caught.value.limit, caught.value.actual) == ("task", "sigma")
    assert [item["name"] for item in caught.value.errors] == ["sigma", "speed"]


def test_a_field_that_comes_twice_is_refused():
    with pytest.raises(DuplicateParameterError) as caught:
        receive(form(part("task", "a"), part("task", "b"), photo()))
    assert (caught.value.limit, caught.value.actual) == (1, 2)


@pytest.mark.parametrize(
    "broken",
    [
        form(photo())[:-10],
        form(photo())[: len(photo()) // 2],
        photo(),
        b"",
        b"no boundary at all",
        b"--other\r\n" + form(photo()),
        f"--{BOUNDARY}\r\nContent-Disposition: form-data\r\n\r\nx\r\n".encode() + form(),
        f"--{BOUNDARY}\r\nno colon\r\n\r\nx\r\n".encode() + form(),
        form(photo()).replace(b"\r\n", b"\n"),
    ],
)
def test_broken_framing_is_refused(broken):
    with pytest.raises(InvalidMultipartError):
        receive(broken)


def test_a_form_that_lacks_its_end_is_not_a_form_without_a_file():
    whole = form(part("task", "x"), photo())
    for end in range(len(whole) - 40, len(whole) - 2):
        with pytest.raises(InvalidMultipartError, match="closing boundary"):
            receive(whole[:end])
    assert read(receive(whole[:-2])) == IMAGE


@pytest.mark.parametrize("media_type", ["multipart/form-data", "multipart/form-data; boundary="])
def test_a_form_without_a_boundary_is_refused(media_type):
    with pytest.raises(InvalidMultipartError):
        receive(form(photo()), media_type=media_type)


@pytest.mark.parametrize("charset", ["no-such", "rot13", "ascii"])
def test_a_field_that_its_charset_does_not_fit_is_read_all_the_same(charset):
    body = form(part("task", b"a\xff..b"), photo())
    assert read(receive(body, media_type=f"{FORM}; charset={charset}")) == IMAGE


def test_a_charset_that_decodes_nothing_is_not_our_fault():
    with pytest.raises(InvalidMultipartError, match="charset"):
        receive(form(part("task", "x"), photo()), media_type=f"{FORM}; charset=undefined")


def test_reading_stops_at_too_many_parts():
    limits = Limits(form_fields=3)
    fields = [part(f"f{number}", "x") for number in range(4)]
    with pytest.raises(InvalidMultipartError, match="Too many fields") as caught:
        receive(form(*fields, photo()), limits=limits)
    assert caught.value.limit == 3
    with pytest.raises(InvalidMultipartError, match="Too many files"):
        receive(form(*[photo() for _ in range(4)]), limits=limits)


def test_a_field_that_is_itself_a_novel_is_refused():
    with pytest.raises(InvalidMultipartError, match="maximum size"):
        receive(Stream(form(part("task", "x" * (2 * MIB)), photo()), chunk=64 * 1024))


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("photo.jpg", "photo.jpg"),
        ("C:\\\\Users\\\\me\\\\photo.jpg", "photo.jpg"),
        ("../../etc/passwd", "passwd"),
        ("grand-mère.png", "grand-mère.png"),
        ("evil\x07\x1b[31m.png", "evil[31m.png"),
        ("a/", None),
        ("", None),
        ("x" * 300 + ".png", "x" * 251 + ".png"),
    ],
)
def test_a_file_name_is_for_display_alone(sent, shown):
    upload = receive(form(photo(filename=sent)))
    assert upload.filename == shown
    assert read(upload) == IMAGE


def test_names_are_cut_before_they_are_sent_back():
    with pytest.raises(UnknownParameterError) as caught:
        refuse_unknown(["y" * 1000], known=())
    assert caught.value.actual == "y" * 100
    assert caught.value.errors[0]["name"] == "y" * 100
    assert caught.value.limit == "none"


def test_known_names_that_differ_pass():
    refuse_unknown(["a", "b"], known=("a", "b", "c"))
    refuse_unknown([], known=())


@pytest.mark.parametrize("name", ["file", "file_right"])
def test_a_path_instead_of_a_file_is_answered_with_what_was_meant(name):
    with pytest.raises(MissingFileError, match=f"-F {name}=@") as refused:
        receive(form(part("task", "denoise-color"), part(name, "photo.jpg")))
    assert refused.value.actual == "photo.jpg"
