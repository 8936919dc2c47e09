"""The API is asked to end: who waits is let go, and nobody is cut off."""

import threading
import time
from typing import Any

import pytest

from tests.integration.service.stack import Stack, photo, wait_until, write
from tests.integration.service.test_events import listen

pytestmark = pytest.mark.integration
MANY_TILES = (250, 350)


def test_streams_and_waits_end_and_then_the_process_does(stack: Stack) -> None:
    stack.worker.kill()  # so that neither has anything else to end for
    job_id = stack.submit(write(photo(70, 70)), "identity")["id"]
    heard: list[Any] = []
    waited: list[Any] = []
    threads = [
        threading.Thread(target=lambda: heard.extend(listen(stack, job_id))),
        threading.Thread(
            target=lambda: waited.append(stack.client.get(f"/v1/jobs/{job_id}?wait=60"))
        ),
    ]
    for thread in threads:
        thread.start()
    wait_until(lambda: heard, "the first event")
    asked = time.monotonic()
    stack.api.process.terminate()
    unready = wait_until(
        lambda: (got := stack.client.get("/readyz")).status_code == 503 and got, "503"
    )
    assert unready.json()["components"]["api"] == "is shutting down"
    assert time.monotonic() - asked < 1.5, "it says so before it stops"
    assert stack.api.process.wait(30) in {0, -15}
    assert time.monotonic() - asked < 15
    stack.api.process = None
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    assert [kind for _, kind, _ in heard] == ["status"]
    assert (waited[0].status_code, waited[0].json()["status"]) == (200, "queued")
    stack.start()
    rest = list(listen(stack, job_id, heard[-1][0]))
    assert rest[-1][1] == "completed"
    assert heard + rest == list(listen(stack, job_id))


def test_job_stops_within_the_tiles_that_are_in_flight(stack: Stack) -> None:
    job_id = stack.submit(write(photo(*MANY_TILES)), "slow-identity")["id"]
    stack.wait_running(job_id, tiles=2)
    asked = time.monotonic()
    assert stack.client.post(f"/v1/jobs/{job_id}/cancel").status_code == 202
    then = stack.client.get(f"/v1/jobs/{job_id}").json()["progress"]
    ended = stack.wait_end(job_id)
    assert ended["status"] == "canceled"
    # Progress and the wish to cancel travel with a beat every half second: what ended since the
    # last one was not told yet, and what was in flight (4 tiles) may have ended too.
    done, total = ended["progress"]["tiles_done"], ended["progress"]["tiles_total"]
    assert done <= then["tiles_done"] + 8 < total
    assert time.monotonic() - asked < 5
    refused = stack.client.post(f"/v1/jobs/{job_id}/cancel")
    assert (refused.status_code, refused.json()["status"]) == (200, "canceled")
    unknown = stack.client.post(f"/v1/jobs/{'0' * 32}/cancel")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "job-not-found")
