"""Figures from the processes that do the jobs, counted in the one that Prometheus asks."""

import os
import time

import pytest
from prometheus_client import CollectorRegistry

from service.jobs.job import JobStatus
from service.jobs.priority import Priority
from service.observability.metrics import WorkMetrics
from service.worker.metrics_reporter import JobOutcome, MetricsReporter

ENDED = JobOutcome(
    task="denoise",
    state=JobStatus.FAILED,
    priority=Priority.BATCH,
    code="timeout",
    stages={"infer": 0.25, "queue": 2.0},
    pixels=1_500_000,
)


@pytest.fixture
def registry():
    return CollectorRegistry()


@pytest.fixture
def reporter(registry):
    reporter = MetricsReporter(WorkMetrics(registry, tasks=()))
    reporter.start()
    yield reporter
    reporter.close()


def wait_for(registry, name, labels, value):
    deadline = time.monotonic() + 20
    while registry.get_sample_value(name, labels) != value:
        assert time.monotonic() < deadline, registry.get_sample_value(name, labels)
        time.sleep(0.01)


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_what_children_tell_adds_up_in_their_parent(registry, reporter):
    for _ in range(3):
        child = os.fork()
        if child == 0:
            reporter.report(ENDED)
            os._exit(0)
        os.waitpid(child, 0)
    labels = {"task": "denoise", "state": "failed", "code": "timeout"}
    wait_for(registry, "hiir_jobs_total", labels, 3)
    wait_for(registry, "hiir_megapixels_total", {}, 4.5)
    assert registry.get_sample_value("hiir_stage_seconds_count", {"stage": "infer"}) == 3
    assert registry.get_sample_value("hiir_stage_seconds_sum", {"stage": "queue"}) == 6
    waits = {
        priority: registry.get_sample_value("hiir_queue_seconds_sum", {"priority": priority})
        for priority in ("interactive", "batch")
    }
    assert waits == {"interactive": 0, "batch": 6}


def test_a_job_never_waits_for_who_does_not_listen(registry, monkeypatch):
    monkeypatch.setattr("service.worker.metrics_reporter._SEND_SECONDS", 0.01)
    reporter = MetricsReporter(WorkMetrics(registry, tasks=()))
    began = time.monotonic()
    for _ in range(2000):
        reporter.report(ENDED)
        if time.monotonic() - began > 1:
            break
    told_late = time.monotonic()
    reporter.report(ENDED)
    assert time.monotonic() - told_late < 1
    reporter.close()
