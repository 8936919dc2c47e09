"""Range and condition headers, as RFC 9110 has them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from service.api.byte_range import is_unchanged, wanted_range
from service.errors import RangeNotSatisfiableError

ETAG = '"abc"'


def ask(value, size=100, **others):
    found = wanted_range(Headers({"range": value, **others}), size=size, etag=ETAG)
    return found and (found.start, found.stop)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=10-19", (10, 20)),
        ("bytes=10-", (10, 100)),
        ("bytes=-10", (90, 100)),
        ("bytes=-1000", (0, 100)),
        ("bytes=99-1000", (99, 100)),
        ("Bytes = 1-2", (1, 3)),
        ("bytes=0-1,5-6", None),
        ("bytes=5-4", None),
        ("bytes=-", None),
        ("bytes=a-b", None),
        ("lines=1-2", None),
        ("", None),
    ],
)
def test_one_good_range_is_served_and_anything_else_ignored(value, expected):
    assert ask(value) == expected


@pytest.mark.parametrize("value", ["bytes=100-", "bytes=100-200", "bytes=-0"])
def test_a_range_behind_the_end_is_refused(value):
    with pytest.raises(RangeNotSatisfiableError) as refused:
        ask(value)
    assert refused.value.limit == 100


def test_a_range_of_another_file_is_not_served():
    assert ask("bytes=1-2", **{"if-range": ETAG}) == (1, 3)
    assert ask("bytes=1-2", **{"if-range": '"other"'}) is None
    assert ask("bytes=1-2", **{"if-range": "Tue, 15 Nov 1994 12:45:26 GMT"}) is None


@given(st.integers(1, 50), st.integers(0, 60), st.integers(0, 60))
def test_a_range_lies_in_the_file(size, first, last):
    try:
        found = wanted_range(Headers({"range": f"bytes={first}-{last}"}), size=size, etag=ETAG)
    except RangeNotSatisfiableError:
        assert first >= size
        return
    if found is None:
        assert last < first
        return
    assert 0 <= found.start < found.stop <= size
    assert found.content_range == f"bytes {first}-{min(last, size - 1)}/{size}"
    assert found.length == min(last, size - 1) - first + 1


@pytest.mark.parametrize(
    ("value", "unchanged"),
    [
        ('"abc"', True),
        ('W/"abc"', True),
        ('"x", "abc"', True),
        ("*", True),
        ('"x"', False),
        ("abc", False),
        ("", False),
    ],
)
def test_a_file_that_the_client_has_is_recognized(value, unchanged):
    assert is_unchanged(Headers({"if-none-match": value}), ETAG) is unchanged
