"""One request's ids in the log of every process that works for it."""

import re

import pytest

from tests.integration.service.stack import Stack, photo, wait_until, write

pytestmark = pytest.mark.integration
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def lines(stack: Stack, process: str, job_id: str) -> list[str]:
    text = getattr(stack, process).log.read_text()
    return [line for line in text.splitlines() if f"job_id={job_id}" in line]


def test_ids_of_a_submission_stand_in_the_lines_of_api_and_worker(stack: Stack) -> None:
    answer = stack.client.post(
        "/v1/jobs?task=identity",
        content=write(photo(64, 64)),
        headers={
            "content-type": "image/png",
            "x-request-id": "holiday.1",
            "traceparent": f"00-{TRACE}-00f067aa0ba902b7-01",
            "tracestate": "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE",
        },
    )
    job_id = answer.json()["id"]
    stack.wait_end(job_id)
    wait_until(lambda: "succeeded" in "".join(lines(stack, "worker", job_id)), "the worker's line")
    ids = f"request_id=holiday.1 job_id={job_id} tenant=open trace_id={TRACE}"
    for process, words in (("api", "accepted identity"), ("worker", "attempt 1")):
        found = lines(stack, process, job_id)
        assert any(words in line and line.endswith(ids) for line in found), found
    assert stack.record(job_id)["tracestate"] == "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"


def test_submission_without_a_trace_begins_one(stack: Stack) -> None:
    job_id = stack.submit(write(photo(64, 64)), "identity")["id"]
    stack.wait_end(job_id)
    wait_until(lambda: "succeeded" in "".join(lines(stack, "worker", job_id)), "the worker's line")
    found = [
        set(re.findall(r"trace_id=(\w{32})", "\n".join(lines(stack, process, job_id))))
        for process in ("api", "worker")
    ]
    assert found[0] == found[1]
    assert len(found[0]) == 1
