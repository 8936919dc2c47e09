"""Spans of one job, as a collector gets them from the API, the worker, Triton and the sender."""

import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from service.embedded.triton import TRACE_ENVIRONMENT, trace_options
from tests.integration.service.collector import Collector, ReceivedSpan, collecting
from tests.integration.service.receiver import receiving
from tests.integration.service.stack import Stack, photo, wait_until, write

pytestmark = pytest.mark.integration
CALLER = "00f067aa0ba902b7"


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


@pytest.fixture(scope="module")
def traced(running_stack: Stack, collector: Collector) -> Iterator[Stack]:
    """The service with spans; the next module gets it without."""
    with exporting_to(running_stack, collector.url):
        running_stack.start()
        running_stack.webhooks.start()
        yield running_stack


@contextmanager
def exporting_to(stack: Stack, url: str) -> Iterator[None]:
    """Let the processes be started with spans; those that run end before and after."""
    processes = (stack.triton, stack.worker, stack.webhooks, stack.api)
    before = [(process.command, process.environment) for process in processes]
    for process in processes:
        process.kill()
        process.environment = {
            **process.environment,
            "OTEL_EXPORTER_OTLP_ENDPOINT": url,
            "OTEL_BSP_SCHEDULE_DELAY": "200",
        }
    stack.triton.environment = {**stack.triton.environment, **TRACE_ENVIRONMENT}
    stack.triton.command = (*stack.triton.command, *trace_options(f"{url}/v1/traces"))
    try:
        yield
    finally:
        for process, (command, environment) in zip(processes, before, strict=True):
            process.kill()
            process.command, process.environment = command, environment


def submit(stack: Stack, task: str, traceparent: str, **fields: str) -> str:
    answer = stack.client.post(
        "/v1/jobs",
        data={"task": task, **fields},
        files={"file": write(photo(200, 200))},
        headers={"traceparent": traceparent},
    )
    assert answer.status_code == 202, answer.text
    return answer.json()["id"]


def spans_with(
    collector: Collector, trace_id: str, *names: str
) -> Callable[[], dict[str, ReceivedSpan] | None]:
    """Give the spans of a trace by their names, once all of these are there."""

    def look() -> dict[str, ReceivedSpan] | None:
        found = {span.name: span for span in collector.of_trace(trace_id)}
        return found if found.keys() >= set(names) else None

    return look


def test_a_trace_leads_from_the_request_to_triton_and_to_the_webhook(
    traced: Stack, collector: Collector
) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    with receiving() as receiver:
        job_id = submit(traced, "identity", f"00-{trace}-{CALLER}-01", webhook_url=receiver.url)
        traced.wait_end(job_id)
        names = ("POST /v1/jobs", "queue", "job identity", "decode", "restore", "inference")
        names += ("InferRequest", "encode", "store", "webhook completed")
        found = wait_until(spans_with(collector, trace, *names), "the spans")
        ((headers, _),) = receiver.received
    parents = {
        name: next((p.name for p in found.values() if p.span_id == span.parent_id), "")
        for name, span in found.items()
    }
    assert found["POST /v1/jobs"].parent_id == CALLER
    assert {name: parents[name] for name in names[1:]} == {
        "queue": "POST /v1/jobs",
        "job identity": "POST /v1/jobs",
        "decode": "job identity",
        "restore": "job identity",
        "inference": "restore",
        "InferRequest": "inference",
        "encode": "job identity",
        "store": "job identity",
        "webhook completed": "POST /v1/jobs",
    }
    assert {
        name: found[name].service for name in names if found[name].service != "hiir-worker"
    } == {
        "POST /v1/jobs": "hiir-api",
        "InferRequest": "hiir-triton",
        "webhook completed": "hiir-webhooks",
    }
    # One for the step, however many tiles it has; Triton has one for each.
    tiles = int(found["inference"].attributes["hiir.tiles"])
    assert tiles > 1

    def count(name: str) -> int:
        return [span.name for span in collector.of_trace(trace)].count(name)

    # Triton 2.51 leaves out a few requests after its start.
    wait_until(lambda: count("InferRequest") > tiles / 2, "Triton's spans")
    assert count("InferRequest") <= tiles
    assert count("inference") == 1
    assert headers["traceparent"] == f"00-{trace}-{found['webhook completed'].span_id}-01"
    job = found["job identity"]
    assert job.attributes["hiir.job_id"] == job_id
    assert job.attributes["hiir.status"] == "succeeded"
    assert not any(span.has_failed for span in found.values())
    for name in ("decode", "restore", "encode", "store"):
        begin, end = found[name].seconds
        assert job.seconds[0] <= begin <= end <= job.seconds[1]


def test_the_trace_of_every_log_line_of_a_job_is_found(traced: Stack, collector: Collector) -> None:
    job_id = traced.submit(write(photo(64, 64)), "identity")["id"]  # the service begins the trace
    traced.wait_end(job_id)

    def lines() -> list[str]:
        texts = [process.log.read_text() for process in (traced.api, traced.worker)]
        return [line for line in "".join(texts).splitlines() if f"job_id={job_id}" in line]

    wait_until(lambda: any("succeeded" in line for line in lines()), "the worker's line")
    (trace,) = {re.search(r"trace_id=(\w{32})", line)[1] for line in lines()}
    wait_until(spans_with(collector, trace, "POST /v1/jobs", "job identity"), "the spans")


def test_a_failed_job_fails_its_span_and_that_of_the_stage(
    traced: Stack, collector: Collector
) -> None:
    trace = "11112222333344445555666677778888"
    job_id = submit(traced, "not-a-number", f"00-{trace}-{CALLER}-01")
    assert traced.wait_end(job_id)["status"] == "failed"
    found = wait_until(spans_with(collector, trace, "job not-a-number", "restore"), "the spans")
    assert found["restore"].has_failed
    assert found["job not-a-number"].has_failed
    assert found["job not-a-number"].attributes["error.type"] == "model-output-invalid"


def test_a_trace_that_its_caller_does_not_sample_is_not_exported(
    traced: Stack, collector: Collector
) -> None:
    unsampled, sampled = "aaaabbbbccccddddeeeeffff00001111", "aaaabbbbccccddddeeeeffff00002222"
    for trace, flags in ((unsampled, "00"), (sampled, "01")):
        traced.wait_end(submit(traced, "identity", f"00-{trace}-{CALLER}-{flags}"))
    wait_until(spans_with(collector, sampled, "job identity", "InferRequest"), "the spans")
    assert collector.of_trace(unsampled) == []


def test_health_checks_make_no_spans(traced: Stack, collector: Collector) -> None:
    traced.client.get("/livez")
    answer = traced.client.get("/v1/tasks", headers={"traceparent": f"00-{'c' * 32}-{CALLER}-01"})
    assert answer.status_code == 200
    wait_until(spans_with(collector, "c" * 32, "GET /v1/tasks"), "the span")
    assert not [span for span in collector.spans if "/livez" in span.name]


def test_shutdown_does_not_wait_for_a_collector_that_does_not_answer(stack: Stack) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # connects, and never says a word
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with exporting_to(stack, url):
            stack.start()
            stack.webhooks.start()
            with receiving() as receiver:
                job = stack.submit(write(photo(64, 64)), "identity", webhook_url=receiver.url)
                assert stack.wait_end(job["id"])["status"] == "succeeded"
                wait_until(lambda: receiver.received, "the webhook")
            for process in (stack.webhooks, stack.worker, stack.api):
                began = time.monotonic()
                process.terminate()
                assert time.monotonic() - began < 5, process.name
            stack.triton.terminate(timeout_s=15)  # it has 5 s for itself, and 1 s for its spans
