"""Submissions wait for the quotas that the service reports."""

import threading
import time
from collections.abc import Iterator

import pytest

from hiir.cli.photos.pacing import Pacer
from hiir_client import RateLimit


@pytest.fixture
def limits() -> Iterator[dict[str, RateLimit]]:
    return {}


def limit(remaining: int) -> RateLimit:
    return RateLimit(remaining=remaining, reset_seconds=None)


def test_submissions_beyond_the_quota_wait_for_the_others(limits) -> None:
    limits["submits"] = limit(2)
    pacer = Pacer(lambda: limits, pause_seconds=30)
    together, most, lock = 0, 0, threading.Lock()

    def submit() -> None:
        nonlocal together, most
        with pacer.submission():
            with lock:
                together += 1
                most = max(most, together)
            time.sleep(0.02)
            with lock:
                together -= 1

    threads = [threading.Thread(target=submit) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    assert most == 2


def test_one_submission_tries_whether_a_spent_quota_is_refilled(limits) -> None:
    limits["submits"] = limit(0)
    pacer = Pacer(lambda: limits, pause_seconds=0.1)
    started = time.monotonic()
    with pacer.submission():
        assert time.monotonic() - started >= 0.1


def test_the_end_of_an_own_job_makes_room(limits) -> None:
    limits["jobs"] = limit(0)
    pacer = Pacer(lambda: limits, pause_seconds=0.02)
    submitted = threading.Event()

    def submit() -> None:
        with pacer.submission():
            submitted.set()

    thread = threading.Thread(target=submit)
    with pacer.job():
        thread.start()
        assert not submitted.wait(0.2)
        limits["jobs"] = limit(1)
    assert submitted.wait(10)
    thread.join()


def test_jobs_of_others_are_not_waited_for(limits) -> None:
    limits["jobs"] = limit(0)
    with Pacer(lambda: limits, pause_seconds=0.01).submission():
        pass
