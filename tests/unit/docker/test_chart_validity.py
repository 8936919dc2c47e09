"""Kubernetes, KEDA and the Prometheus operator know every field of the rendered manifests."""

import copy
from collections.abc import Callable
from typing import Any

import kubernetes_validate
import pytest
from pydantic import ValidationError

from tests.unit.docker.chart import Manifest, Manifests
from tests.unit.docker.custom_resources import CUSTOM, ScaledObject

NEWEST = "1.37"
OLDEST = "1.29"  # `kubeVersion` in Chart.yaml
KINDS = {
    *("ConfigMap", "Deployment", "HorizontalPodAutoscaler", "Job", "NetworkPolicy"),
    *("PodDisruptionBudget", "Service", "StatefulSet", *CUSTOM),
}


def is_custom(manifest: Manifest) -> bool:
    return manifest["kind"] in CUSTOM


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("values", ["plain", "everything"])
def test_kubernetes_knows_every_field(
    request: pytest.FixtureRequest, values: str, version: str
) -> None:
    manifests: Manifests = request.getfixturevalue(values)
    builtin = [each for each in manifests.all if not is_custom(each)]
    assert len(builtin) >= 15
    for manifest in builtin:
        kubernetes_validate.validate(manifest, version, strict=True)


def test_every_kind_is_checked(everything: Manifests) -> None:
    assert {manifest["kind"] for manifest in everything.all} == KINDS


def misspell_probe(deployment: Manifest) -> None:
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    container["livenesProbe"] = container.pop("livenessProbe")


def misplace_grace(deployment: Manifest) -> None:
    pod = deployment["spec"]["template"]["spec"]
    deployment["spec"]["terminationGracePeriodSeconds"] = pod.pop("terminationGracePeriodSeconds")


def write_number_as_text(deployment: Manifest) -> None:
    deployment["spec"]["replicas"] = "1"


@pytest.mark.parametrize("spoil", [misspell_probe, misplace_grace, write_number_as_text])
def test_a_wrong_field_is_noticed(plain: Manifests, spoil: Callable[[Manifest], None]) -> None:
    deployment = copy.deepcopy(plain.one("Deployment", "hiir-worker"))
    kubernetes_validate.validate(deployment, NEWEST, strict=True)
    spoil(deployment)
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(deployment, NEWEST, strict=True)


def test_keda_and_the_prometheus_operator_know_every_field(everything: Manifests) -> None:
    custom = [manifest for manifest in everything.all if is_custom(manifest)]
    assert {manifest["kind"] for manifest in custom} == CUSTOM.keys()
    for manifest in custom:
        CUSTOM[manifest["kind"]].model_validate(manifest)


@pytest.mark.parametrize(
    ("place", "name", "value"),
    [
        ("spec", "minReplicasCount", 1),
        ("spec", "minReplicaCount", "1"),
        ("trigger", "metricsType", "AverageValue"),
        ("metadata", "server", "http://prometheus:9090"),
        ("metadata", "threshold", 1),
    ],
)
def test_a_wrong_field_of_a_scaled_object_is_noticed(
    everything: Manifests, place: str, name: str, value: Any
) -> None:
    scaled = copy.deepcopy(everything.one("ScaledObject", "hiir-worker"))
    trigger = scaled["spec"]["triggers"][0]
    {"spec": scaled["spec"], "trigger": trigger, "metadata": trigger["metadata"]}[place][name] = (
        value
    )
    with pytest.raises(ValidationError, match=name):
        ScaledObject.model_validate(scaled)
