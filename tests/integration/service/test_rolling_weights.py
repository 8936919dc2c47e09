"""New weights are rolled out under load: no job is lost, and each result is of one version."""

import threading
import time
from pathlib import Path

import pytest

from tests.integration.service.stack import Stack, photo, wait_until, write

pytestmark = pytest.mark.integration
JOBS = 40
OLD, NEW = "0123456789abcdef" * 4, "fedcba9876543210" * 4


def test_new_weights_under_load_lose_no_job(stack: Stack, service_repository: Path) -> None:
    paths = [service_repository / name / "config.pbtxt" for name in ("identity", "slow-identity")]
    before = {path: path.read_text() for path in paths}
    photos = [write(photo(110, 160, seed=seed)) for seed in range(4)]
    jobs: list[str] = []

    def send() -> None:
        for number in range(JOBS):
            task = "identity" if number % 4 else "slow-identity"
            wait_until(
                lambda number=number, task=task: accepted(number, task), "the job to be accepted"
            )
            time.sleep(0.1)

    def accepted(number: int, task: str) -> bool:
        answer = stack.client.post(
            "/v1/jobs", data={"task": task}, files={"file": photos[number % len(photos)]}
        )
        if answer.status_code == 202:
            jobs.append(answer.json()["id"])
        return answer.status_code == 202

    sending = threading.Thread(target=send)
    sending.start()
    try:
        wait_until(lambda: len(jobs) >= 8, "some jobs")
        stack.wait_end(jobs[1])  # by the old weights, however busy the machine is
        for path, text in before.items():  # the workers follow at once, and Triton later
            assert OLD in text
            path.write_text(text.replace(OLD, NEW))
        time.sleep(3)
        stack.triton.kill()
        stack.triton.start()
        sending.join(120)
        ended = [stack.wait_end(job_id) for job_id in jobs]
    finally:
        for path, text in before.items():
            path.write_text(text)
        stack.triton.kill()
        stack.start()
    assert len(jobs) == JOBS
    assert [job["error"] for job in ended if job["status"] != "succeeded"] == []
    assert {job["model_sha256"] for job in ended} == {OLD, NEW}
    assert {job["attempt"] for job in ended} == {1}
