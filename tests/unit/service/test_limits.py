import dataclasses

import pytest
from pydantic import ValidationError

from hiir.imaging import ImageLimits
from service.limits import MIB, Limits


def test_the_image_limits_are_the_same_numbers():
    limits = Limits(pixels=1000, side=90, min_side=7, frames=2, codec_bytes=11)
    assert dataclasses.asdict(limits.image_limits()) == {
        "max_pixels": 1000,
        "max_side": 90,
        "min_side": 7,
        "max_frames": 2,
        "max_codec_bytes": 11,
    }


def test_service_and_library_have_the_same_defaults():
    assert Limits().image_limits() == ImageLimits()


def test_a_body_may_have_fifty_mebibytes():
    assert Limits().body_bytes == 50 * MIB == 52_428_800


@pytest.mark.parametrize("name", list(Limits.model_fields))
@pytest.mark.parametrize("value", [0, -1, "many", None])
def test_a_limit_that_limits_nothing_or_everything_is_refused(name, value):
    with pytest.raises(ValidationError, match=name):
        Limits(**{name: value})


def test_an_unknown_limit_is_refused():
    with pytest.raises(ValidationError, match="body_megabytes"):
        Limits(body_megabytes=1)


def test_limits_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        Limits().pixels = 1
