import pickle
import re

import pytest

from hiir import imaging
from hiir.imaging import errors


def kinds():
    return errors.ImagingError.__subclasses__()


def test_every_error_has_its_own_kebab_case_code():
    codes = [kind.code for kind in kinds()]
    assert len(set(codes)) == len(codes) == 16
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", code) for code in codes)


@pytest.mark.parametrize("kind", kinds())
def test_every_error_is_drawn_in_the_tree_and_exported(kind):
    assert re.search(rf"{kind.__name__} +{kind.code} ", errors.__doc__)
    assert kind.__name__ in imaging.__all__


def test_an_error_carries_both_sides_of_the_broken_rule_through_pickling():
    error = pickle.loads(pickle.dumps(errors.ImageTooLarge("Too large.", limit=10, actual=12)))
    assert (str(error), error.detail, error.limit, error.actual) == ("Too large.",) * 2 + (10, 12)
