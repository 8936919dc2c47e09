"""What Prometheus is told by the running API and worker."""

import os
import signal

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.integration.service.stack import Stack, photo, wait_until, write

pytestmark = pytest.mark.integration
Samples = dict[tuple[str, ...], float]
PNG = write(photo(100, 130))


def metrics(stack: Stack, process: str) -> Samples:
    """Every sample of the API or the worker, by name and the values of its labels by name."""
    port = stack.api.environment[f"HIIR_METRICS__{process.upper()}_PORT"]
    answer = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False, timeout=30)
    assert answer.status_code == 200
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_a_job_is_counted_once_by_whom_it_was_accepted_and_ended(stack: Stack) -> None:
    succeeded = ("hiir_jobs_total", "", "succeeded", "identity")
    queued = ("hiir_jobs_total", "", "queued", "identity")
    api_before, before = metrics(stack, "api"), metrics(stack, "worker")

    def counted(jobs: int) -> Samples | None:
        after = metrics(stack, "worker")
        return after if after.get(succeeded, 0) == before.get(succeeded, 0) + jobs else None

    for job in (1, 2):
        stack.wait_end(stack.submit(PNG, "identity")["id"])
        after = wait_until(lambda job=job: counted(job), "the job to be counted")
        # Its process is no more; what it told is.
        for child in stack.worker.children():
            os.kill(child.pid, signal.SIGKILL)
    for stage in ("queue", "decode", "tile", "infer", "blend", "encode", "store"):
        name = ("hiir_stage_seconds_count", stage)
        assert after[name] == before.get(name, 0) + 2, stage
    restored = ("hiir_megapixels_total",)
    assert after[restored] - before[restored] == pytest.approx(2 * 0.013)
    assert after["hiir_worker_slots",] == 2
    api = metrics(stack, "api")
    assert api[queued] == api_before.get(queued, 0) + 2
    assert api["hiir_http_requests_total", "202", "/v1/jobs"] >= 2


def test_failures_are_counted_from_0(stack: Stack) -> None:
    for process in ("api", "worker"):
        told = metrics(stack, process)
        for code in ("timeout", "worker-lost", "inference-failed", "internal-error"):
            assert ("hiir_jobs_total", code, "failed", "identity") in told
    told = metrics(stack, "api")
    for code in ("500", "503"):
        assert ("hiir_http_requests_total", code, "/v1/jobs/{job_id}/result") in told


def test_what_waits_is_told_task_by_task_with_its_age(stack: Stack) -> None:
    stack.worker.kill()
    job = stack.submit(PNG, "identity")
    waiting = wait_until(
        lambda: (
            (got := metrics(stack, "api"))["hiir_queue_depth", "interactive", "identity"] == 1
            and got
        ),
        "the queue to be looked at again",
        pause_s=0.3,
    )
    assert 0 <= waiting["hiir_queue_oldest_age_seconds", "interactive", "identity"] < 60
    assert waiting["hiir_queue_depth", "batch", "identity"] == 0
    assert waiting["hiir_queue_depth", "interactive", "denoise"] == 0
    assert waiting["hiir_store_up",] == 1
    canceled = ("hiir_jobs_total", "", "canceled", "identity")
    for _ in range(2):
        stack.client.post(job["urls"]["cancel"])
    counted = metrics(stack, "api")[canceled]
    assert counted == waiting.get(canceled, 0) + 1


def test_nothing_that_a_client_chose_becomes_a_label(stack: Stack) -> None:
    for path in ("/v1/jobs/chosen-by-me", "/chosen-by-me", "/v1/jobs/chosen-by-me/result"):
        stack.client.get(path)
    stack.client.request("CHOSEN", "/v1/jobs")
    told = metrics(stack, "api")
    assert ("hiir_http_requests_total", "404", "/v1/jobs/{job_id}") in told
    assert not [sample for sample in told if any("chosen" in part.lower() for part in sample)]
