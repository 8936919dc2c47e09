"""The schema of the chart's values refuses what is misspelt and what cannot work."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from service.settings import Settings
from tests.unit.docker.chart import CHART, EVERYTHING, GPU_POOL, Chart, ChartError, Manifests

# The chart itself sets these, or their values are part of its manifests.
OF_THE_CHART = {
    "HIIR_AUTH",
    "HIIR_BUCKET__ACCESS_KEY_ID",
    "HIIR_BUCKET__SECRET_ACCESS_KEY",
    "HIIR_DRAIN_SECONDS",
    "HIIR_HOST",
    "HIIR_JOBS__DRAIN_SECONDS",
    "HIIR_LOG_FORMAT",
    "HIIR_METRICS__API_PORT",
    "HIIR_METRICS__HOST",
    "HIIR_METRICS__WORKER_PORT",
    "HIIR_MODELS",
    "HIIR_MODEL_REPOSITORY",
    "HIIR_PORT",
    "HIIR_REDIS_URL",
    "HIIR_TRITON_URL",
}


def pool(**changes: Any) -> dict[str, Any]:
    return {"triton": {"pools": {"gpu": {**GPU_POOL, **changes}}}}


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"workers": {}}, "'workers' not allowed"),
    ({"api": {"replcas": 3}}, "'replcas' not allowed"),
    ({"api": {"replicas": 1}}, "minimum: got 1, want 2"),
    ({"api": {"replicas": "3"}}, "got string, want integer"),
    ({"api": {"autoscaling": {"minReplicas": 0}}}, "minimum: got 0, want 2"),
    ({"api": {"autoscaling": {"cpuPercent": 101}}}, "maximum: got 101, want 100"),
    ({"api": {"readinessPath": "/healthz"}}, "'/livez', '/readyz'"),
    ({"api": {"service": {"port": 70000}}}, "maximum"),
    ({"api": {"resources": {"limits": {"memory": "lots"}}}}, "/api/resources/limits/memory"),
    ({"api": {"resources": {"limits": {"cpu": 0}}}}, "/api/resources/limits/cpu"),
    ({"api": {"resources": {"limit": {}}}}, "'limit' not allowed"),
    ({"worker": {"replicas": 0}}, "minimum: got 0, want 1"),
    ({"worker": {"drainSeconds": 5}}, "minimum: got 5, want 15"),
    ({"worker": {"autoscaling": {"minReplicas": 0}}}, "minimum: got 0, want 1"),
    ({"worker": {"autoscaling": {"jobsPerSlot": {"batch": 0}}}}, "minimum: got 0, want 1"),
    ({"worker": {"autoscaling": {"jobsPerSlot": {"urgent": 1}}}}, "'urgent' not allowed"),
    ({"worker": {"autoscaling": {"prometheusUrl": "prometheus:9090"}}}, "does not match pattern"),
    ({"webhooks": {"replicas": -1}}, "minimum: got -1, want 1"),
    ({"images": {"triton": {"tag": "latest"}}}, "/images/triton/tag"),
    ({"images": {"api": {"digest": "sha256:12"}}}, "/images/api/digest"),
    ({"images": {"pullPolicy": "Sometimes"}}, "'Always', 'IfNotPresent', 'Never'"),
    ({"redis": {"secretName": ""}}, "/redis/secretName"),
    ({"redis": {"password": "s3cret"}}, "'password' not allowed"),
    ({"models": {"volume": {"emptyDir": {}}}}, "/models/volume"),
    ({"models": {"export": {"target": "tpu"}}}, "'cpu', 'gpu'"),
    ({"settings": {"HIIR_JOBS__RESULT": "7200"}}, "invalid propertyName 'HIIR_JOBS__RESULT'"),
    ({"settings": {"HIIR_REDIS_URL": "redis://redis"}}, "invalid propertyName 'HIIR_REDIS_URL'"),
    ({"settings": {"HIIR_JOBS__RESULT_SECONDS": 7200}}, "got number, want string"),
    ({"tracing": {"endpoint": "collector:4318"}}, "/tracing/endpoint"),
    ({"tracing": {"endpoint": "http://collector:4318/v1/traces"}}, "/tracing/endpoint"),
    ({"tracing": {"variables": {"HIIR_PORT": "1"}}}, "invalid propertyName 'HIIR_PORT'"),
    ({"tracing": {"variables": {"OTEL_TRACES_SAMPLER_ARG": 0.1}}}, "got number, want string"),
    ({"networkPolicy": {"tracing": {"to": []}}}, "minItems"),
    ({"triton": {"startupSeconds": 60}}, "minimum: got 60, want 1,800"),
    ({"triton": {"pools": {"cpu": None}}}, "minProperties"),
    ({"triton": {"pools": {"GPU 1": GPU_POOL}}}, "invalid propertyName 'GPU 1'"),
    (pool(replicas=0), "minimum: got 0, want 1"),
    (pool(gpu={"resource": "gpu"}), "/gpu/resource"),
    (pool(gpu={"count": 0}), "minimum: got 0, want 1"),
    (pool(gpu={"migProfile": "small"}), "/gpu/migProfile"),
    (pool(gpu={"migProfile": "1g.10gb", "count": 2}), "/gpu/count"),
    (pool(gpu={"migProfile": "1g.10gb", "resource": "nvidia.com/gpu"}), "/gpu"),
    (pool(gpu=None), "/pools/gpu"),
    (pool(engineCache={"size": "some"}), "/engineCache/size"),
    (pool(tolerations=[{"operator": "Exist"}]), "/tolerations/0/operator"),
    ({"networkPolicy": {"redis": {"to": []}}}, "minItems"),
    ({"networkPolicy": {"webhooks": {"ports": [0]}}}, "minimum: got 0, want 1"),
    ({"networkPolicy": {"apiFrom": [{"podselector": {}}]}}, "'podselector' not allowed"),
    ({"monitoring": {"rules": "yes"}}, "got string, want boolean"),
    ({"bootstrapKey": {"enabled": True}}, "minLength"),
    ({"bootstrapKey": {"tenant": "museum", "days": 0}}, "minimum: got 0, want 1"),
]


@pytest.mark.parametrize(
    ("values", "reason"), REFUSED, ids=[json.dumps(v)[:80] for v, _ in REFUSED]
)
def test_a_value_that_cannot_work_is_refused(
    chart: Chart, values: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ChartError) as refused:
        chart.render(values)
    assert "values don't meet the specifications of the schema" in str(refused.value)
    assert reason in str(refused.value)


@pytest.mark.parametrize("part", ["api", "worker"])
def test_limits_of_scaling_that_no_number_meets_are_refused(chart: Chart, part: str) -> None:
    with pytest.raises(ChartError, match=r"maxReplicas \(2\) is below minReplicas \(3\)"):
        chart.render({part: {"autoscaling": {"minReplicas": 3, "maxReplicas": 2}}})
    assert chart.render({part: {"autoscaling": {"minReplicas": 3, "maxReplicas": 3}}}).all


def test_the_shipped_values_and_all_options_pass(chart: Chart) -> None:
    for values in ({}, EVERYTHING):
        assert "1 chart(s) linted, 0 chart(s) failed" in chart.lint(values)


def test_a_pool_can_be_removed(chart: Chart) -> None:
    rendered = chart.render({"triton": {"pools": {"cpu": None, "l4": GPU_POOL}}})
    assert [each["metadata"]["name"] for each in rendered.of("StatefulSet")] == ["hiir-triton-l4"]


def test_policies_can_be_turned_off(chart: Chart) -> None:
    assert not chart.render({"networkPolicy": {"enabled": False}}).of("NetworkPolicy")


def test_names_follow_the_release(plain: Manifests) -> None:
    for manifest in plain.all:
        assert manifest["metadata"]["name"].startswith("hiir-"), manifest["kind"]


def variables(model: type[BaseModel], prefix: str = "HIIR_") -> Iterator[str]:
    for name, field in model.model_fields.items():
        value = field.get_default(call_default_factory=True)
        if isinstance(value, BaseModel):
            yield from variables(type(value), f"{prefix}{name.upper()}__")
        else:
            yield f"{prefix}{name.upper()}"


def test_the_schema_knows_every_setting() -> None:
    """Add a new setting to `$defs.setting` in docker/chart/values.schema.json."""
    schema = json.loads((CHART / "values.schema.json").read_text())
    assert schema["$defs"]["setting"]["enum"] == sorted({*variables(Settings)} - OF_THE_CHART)
