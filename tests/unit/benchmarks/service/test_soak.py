"""That the soak's slope is that of what grows, and not of what comes and goes."""

import pytest

from benchmarks.service.soak import photo, slope


def test_a_steady_growth_is_told_as_what_a_thousand_jobs_add() -> None:
    assert slope([(jobs, 100 + 0.002 * jobs) for jobs in range(0, 2000, 50)]) == pytest.approx(2)


def test_a_process_that_is_replaced_now_and_then_does_not_bend_it() -> None:
    notes = [(jobs, 50.0 if jobs % 450 == 0 else 100.0) for jobs in range(50, 2000, 50)]
    assert slope(notes) == 0


def test_photos_differ() -> None:
    assert photo(1) == photo(1) != photo(2)
