import threading

import pytest

from service.inference.concurrency_limit import ConcurrencyLimit


@pytest.fixture
def limit():
    return ConcurrencyLimit(4, closed=threading.Event())


def test_a_batch_that_fails_with_all_its_tiles_halves_it_once(limit):
    assert [limit.decrease(4) for _ in range(4)] == [True, False, False, False]
    assert limit.size == 2


def test_it_goes_down_to_one_tile_and_no_further(limit):
    assert [limit.decrease(size) for size in (4, 2, 1)] == [True, True, False]
    assert limit.size == 1


def test_it_grows_by_one_for_each_full_window_that_came_back(limit):
    limit.decrease(4)
    limit.decrease(2)
    sizes = []
    for _ in range(12):
        limit.record_success()
        sizes.append(limit.size)
    assert sizes == [2, 2, 3, 3, 3, 4, 4, 4, 4, 4, 4, 4]


def test_a_failure_begins_the_count_anew(limit):
    limit.decrease(4)
    limit.record_success()
    limit.decrease(4)
    limit.record_success()
    assert limit.size == 2


def test_no_more_tiles_are_inside_than_it_has_places():
    limit, inside, most = ConcurrencyLimit(3, closed=threading.Event()), 0, 0
    lock, full = threading.Lock(), threading.Barrier(3, timeout=30)

    def work():
        nonlocal inside, most
        with limit.slot():
            with lock:
                inside += 1
                most = max(most, inside)
            full.wait()
            with lock:
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert most == 3


def test_nobody_waits_for_a_place_once_it_is_closed():
    closed = threading.Event()
    limit = ConcurrencyLimit(1, closed=closed)
    entered = threading.Event()

    def work():
        with limit.slot():
            entered.set()

    with limit.slot():
        thread = threading.Thread(target=work)
        thread.start()
        assert not entered.wait(0.3)
        closed.set()
        assert entered.wait(30)
    thread.join(30)
