import numpy as np
import pytest

from hiir.imaging import from_unit, to_unit


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_every_sample_value_survives_the_round_trip(dtype):
    samples = np.arange(np.iinfo(dtype).max + 1, dtype=dtype)
    values = to_unit(samples)
    assert values.dtype == np.float32
    assert (values.min(), values.max()) == (0, 1)
    assert np.array_equal(from_unit(values, dtype), samples)
    assert from_unit(values, dtype).dtype == dtype


def test_values_outside_the_range_are_clipped_before_rounding():
    values = np.array([-3, -0.001, 1.001, 300], np.float32)
    assert from_unit(values, np.uint8).tolist() == [0, 0, 255, 255]


def test_values_are_rounded_and_not_truncated():
    values = np.array([0.4, 0.6, 254.4, 254.6], np.float32) / 255
    assert from_unit(values, np.uint8).tolist() == [0, 1, 254, 255]


def test_the_values_are_not_changed_in_place():
    values = np.array([2.0], np.float32)
    from_unit(values, np.uint8)
    assert values.tolist() == [2.0]


def test_other_sample_types_are_refused():
    with pytest.raises(ValueError, match="int16"):
        to_unit(np.zeros(3, np.int16))
    with pytest.raises(ValueError, match="float32"):
        from_unit(np.zeros(3, np.float32), np.float32)
