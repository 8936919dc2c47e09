"""That the profile of a small photo attributes what is used to the right process and command."""

import io

from PIL import Image

from benchmarks.service.small_photo import SIDE, _commands, _depth_label, photo, spent


def test_photo_has_the_size_that_the_profile_names() -> None:
    with Image.open(io.BytesIO(photo(SIDE))) as image:
        assert image.size == (128, 128)


def test_slots_of_a_worker_and_their_codec_processes_have_their_own_labels() -> None:
    assert [_depth_label("worker", depth) for depth in range(3)] == [
        "worker",
        "worker, slots",
        "worker, codec",
    ]
    assert _depth_label("redis", 1) == "redis"


def test_differences_count_new_processes_from_zero() -> None:
    assert spent({"api": 1.0}, {"api": 1.5, "worker": 0.25}) == {"api": 0.5, "worker": 0.25}


def test_commands_without_new_calls_are_left_out() -> None:
    before = {"get": (10, 1.0), "ping": (3, 0.1)}
    calls, milliseconds = _commands(before, {"get": (14, 1.5), "ping": (3, 0.1), "set": (2, 0.2)})
    assert calls == {"get": 4, "set": 2}
    assert milliseconds == {"get": 0.5, "set": 0.2}
