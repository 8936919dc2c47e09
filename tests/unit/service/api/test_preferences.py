import pytest
from starlette.datastructures import Headers

from service.api.preferences import Preferences


def read(prefer="", accept=""):
    return Preferences.of(Headers({"prefer": prefer, "accept": accept}), longest_wait=60)


@pytest.mark.parametrize(
    ("prefer", "respond_async", "wait"),
    [
        ("", False, None),
        ("respond-async", True, None),
        ("wait=5", False, 5),
        ("Wait = 5", False, 5),
        ('wait="5"', False, 5),
        ("wait=500", False, 60),
        ("wait=0", False, 0),
        ("respond-async, wait=10", True, 10),
        ("return=minimal, wait=3; x=y", False, 3),
        ("wait=-1", False, None),
        ("wait=soon", False, None),
        ("wait=1.5", False, None),
    ],
)
def test_what_is_understood_is_honoured_and_the_rest_ignored(prefer, respond_async, wait):
    found = read(prefer)
    assert (found.respond_async, found.wait) == (respond_async, wait)


def test_preferences_of_several_lines_count_together():
    headers = Headers(raw=[(b"prefer", b"respond-async"), (b"prefer", b"wait=2")])
    found = Preferences.of(headers, longest_wait=60)
    assert (found.respond_async, found.wait) == (True, 2)


@pytest.mark.parametrize(
    ("accept", "wants_image"),
    [
        ("", False),
        ("*/*", False),
        ("application/json", False),
        ("image/*", True),
        ("image/png", True),
        ("image/*, application/json;q=0.5", True),
        ("image/*;q=0.5, application/json", False),
        ("image/*;q=0", False),
        ("text/html, image/avif, */*;q=0.8", True),
    ],
)
def test_an_image_is_sent_to_who_asks_for_one(accept, wants_image):
    assert read(accept=accept).wants_image is wants_image


def test_what_was_applied_is_said():
    both = read("respond-async, wait=5")
    assert both.applied(ended=False) == "respond-async, wait=5"
    assert both.applied(ended=True) == "wait=5"
    assert read("respond-async").applied(ended=False) == "respond-async"
    assert read().applied(ended=False) is None
