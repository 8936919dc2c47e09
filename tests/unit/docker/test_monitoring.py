"""Dashboard, alerts and autoscaling ask for metrics that exist, with labels that these have."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from service.api.queue_metrics import QueueMetrics
from service.capacity.backlog import Backlog
from service.capacity.load import Load, PriorityLoad
from service.jobs.job import JobStatus
from service.jobs.priority import Priority
from service.observability.metrics import HttpMetrics, WorkMetrics
from service.settings import MetricsSettings
from tests.unit.docker.chart import Manifests

MONITORING = Path(__file__).parents[3] / "docker/monitoring"
SAMPLES = re.compile(r"\bhiir_\w+")
SELECTOR = re.compile(r"\b(hiir_\w+)\{([^}]*)\}")


def expressions() -> Iterator[tuple[str, str]]:
    """Yield each PromQL expression with the place that it stands in."""
    dashboard = json.loads((MONITORING / "grafana-dashboard.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield f"dashboard: {panel['title']}", target["expr"]
    (group,) = yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]:
        yield f"alert: {rule['alert']}", rule["expr"]


class Redis:
    """A backlog and a store, as the API's collector asks for them."""

    def snapshot(self) -> Backlog:
        load = PriorityLoad(running=1, depth={"denoise": 2}, oldest_age={"denoise": 3.0})
        return Backlog(
            load=Load(slots=1, by_priority={Priority.BATCH: load}),
            seconds_per_megapixel={},
            interactive_slots=1,
        )

    def memory_percent(self) -> int:
        return 50


@pytest.fixture
def exported() -> dict[str, set[str]]:
    """Every sample's name with its labels, after each metric has been used once."""
    registry = CollectorRegistry()
    http, work = HttpMetrics(registry), WorkMetrics(registry, tasks=())
    http.count("/v1/jobs", 202, seconds=0.1)
    work.jobs.count("denoise", JobStatus.FAILED, "timeout")
    work.observe_stage("infer", 1.0)
    redis: Any = Redis()
    registry.register(QueueMetrics(backlog=redis, jobs=redis, tasks=["denoise"]))
    return {
        sample.name: set(sample.labels)
        for family in registry.collect()
        for sample in family.samples
    }


def test_what_the_service_promises_is_exported(exported: dict[str, set[str]]) -> None:
    assert exported["hiir_http_requests_total"] == {"route", "code"}
    assert exported["hiir_jobs_total"] == {"task", "state", "code"}
    assert exported["hiir_stage_seconds_count"] == {"stage"}
    assert exported["hiir_queue_seconds_count"] == {"priority"}
    by_task = exported["hiir_queue_depth"]
    assert by_task == exported["hiir_queue_oldest_age_seconds"] == {"priority", "task"}
    for name in ("hiir_jobs_running", "hiir_predicted_wait_seconds"):
        assert exported[name] == {"priority"}
    for name in ("hiir_inflight", "hiir_worker_slots", "hiir_megapixels_total"):
        assert exported[name] == set()


@pytest.mark.parametrize(("place", "expression"), list(expressions()))
def test_every_metric_that_is_asked_for_exists(
    exported: dict[str, set[str]], place: str, expression: str
) -> None:
    check_metrics(exported, place, expression)


def scaling(everything: Manifests) -> dict[str, Any]:
    return everything.one("ScaledObject", "hiir-worker")["spec"]


def test_every_metric_that_workers_are_scaled_by_exists(
    exported: dict[str, set[str]], everything: Manifests
) -> None:
    for trigger in scaling(everything)["triggers"]:
        check_metrics(exported, trigger["name"], trigger["metadata"]["query"])


def check_metrics(exported: dict[str, set[str]], place: str, expression: str) -> None:
    asked = set(SAMPLES.findall(expression))
    assert asked, place
    assert asked <= exported.keys(), place
    for name, selector in SELECTOR.findall(expression):
        labels = set(re.findall(r"(\w+)(?:=|!=|=~|!~)\"", selector))
        assert labels, place
        assert labels <= exported[name], place
    labels = {label for found in exported.values() for label in found}
    for by in re.findall(r"\bby \(([^)]*)\)", expression):
        assert {word.strip() for word in by.split(",")} <= labels, place


@pytest.mark.parametrize("count", ["(", "{", "["])
def test_brackets_of_every_expression_are_closed(count: str) -> None:
    closing = {"(": ")", "{": "}", "[": "]"}[count]
    for place, expression in expressions():
        assert expression.count(count) == expression.count(closing), place


def test_every_alert_says_what_to_do() -> None:
    (group,) = yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"]
    assert len(group["rules"]) >= 5
    for rule in group["rules"]:
        assert {"summary", "action"} <= rule["annotations"].keys(), rule["alert"]
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["for"]


def test_prometheus_asks_at_the_ports_that_are_served() -> None:
    asked = yaml.safe_load((MONITORING / "prometheus.yml").read_text())["scrape_configs"]
    ports = {entry["job_name"]: entry["dns_sd_configs"][0]["port"] for entry in asked}
    settings = MetricsSettings()
    assert ports["hiir-api"] == settings.api_port
    assert ports["hiir-worker"] == settings.worker_port


def test_workers_are_scaled_by_what_waits_and_runs_and_never_to_none(
    everything: Manifests,
) -> None:
    scaled = scaling(everything)
    assert scaled["minReplicaCount"] == 1
    down = scaled["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleDown"]
    assert down["stabilizationWindowSeconds"] == 300
    assert scaled["scaleTargetRef"]["name"] == "hiir-worker"
    demand, *oldest = scaled["triggers"]
    assert {"hiir_queue_depth", "hiir_inflight"} <= set(
        SAMPLES.findall(demand["metadata"]["query"])
    )
    assert {trigger["name"] for trigger in oldest} == {f"oldest-{each.value}" for each in Priority}


def test_a_queue_that_cannot_be_asked_scales_nothing(everything: Manifests) -> None:
    for trigger in scaling(everything)["triggers"]:
        assert trigger["metadata"]["ignoreNullValues"] == "false"
