import socket
import urllib.request

import pytest
from prometheus_client import CollectorRegistry

from service.jobs.job import JobStatus
from service.observability.metrics import HttpMetrics, JobMetrics, MetricsServer


def fetch(port):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        return answer.read().decode()


@pytest.fixture
def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_metrics_are_served_until_the_server_is_closed(free_port):
    registry = CollectorRegistry()
    HttpMetrics(registry).count("/v1/jobs", 202, seconds=0.1)
    JobMetrics(registry, tasks=()).count("denoise", JobStatus.QUEUED)
    server = MetricsServer(host="127.0.0.1", port=free_port, registry=registry)
    server.start()
    server._thread.join(20)
    text = fetch(free_port)
    assert 'hiir_http_requests_total{code="202",route="/v1/jobs"} 1.0' in text
    assert 'hiir_jobs_total{code="",state="queued",task="denoise"} 1.0' in text
    server.close()
    with pytest.raises(OSError, match="refused"):
        fetch(free_port)


def test_a_port_of_another_is_tried_again_until_it_is_free(free_port, monkeypatch):
    monkeypatch.setattr("service.observability.metrics._RETRY_SECONDS", 0.05)
    first = MetricsServer(host="127.0.0.1", port=free_port, registry=CollectorRegistry())
    first.start()
    first._thread.join(20)
    registry = CollectorRegistry()
    JobMetrics(registry, tasks=()).count("denoise", JobStatus.QUEUED)
    second = MetricsServer(host="127.0.0.1", port=free_port, registry=registry)
    second.start()
    second._thread.join(0.3)
    assert second._thread.is_alive()
    first.close()
    second._thread.join(20)
    assert "hiir_jobs_total" in fetch(free_port)
    second.close()


def test_no_port_is_no_server():
    server = MetricsServer(host="127.0.0.1", port=0, registry=CollectorRegistry())
    server.start()
    server.close()
    assert server._server is None


def samples(registry):
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name.endswith("_total")
    }


def test_every_end_of_a_job_is_counted_from_0():
    registry = CollectorRegistry()
    metrics = JobMetrics(registry, tasks=["denoise", "weather"])
    before = samples(registry)
    for task in ("denoise", "weather"):
        for state in (JobStatus.QUEUED, JobStatus.SUCCEEDED, JobStatus.CANCELED):
            metrics.count(task, state)
        for code in ("timeout", "worker-lost", "image-corrupt", "internal-error", "store-full"):
            metrics.count(task, JobStatus.FAILED, code)
    after = samples(registry)
    assert set(before.values()) == {0.0}
    assert before.keys() == after.keys()
    assert sum(after.values()) == 16


def test_server_errors_of_every_route_are_counted_from_0():
    registry = CollectorRegistry()
    metrics = HttpMetrics(registry)
    metrics.expect(["/v1/jobs", "none"])
    before = samples(registry)
    for route in ("/v1/jobs", "none"):
        for code in (500, 503):
            metrics.count(route, code, seconds=0.1)
    assert set(before.values()) == {0.0}
    assert before.keys() == samples(registry).keys()
