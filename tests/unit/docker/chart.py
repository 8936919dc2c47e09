"""Renders the Helm chart, and finds things in what comes out."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).parents[3] / "docker/chart"
Manifest = dict[str, Any]

GPU_POOL = {
    "replicas": 2,
    "gpu": {"resource": "nvidia.com/gpu", "count": 1},
    "engineCache": {"size": "20Gi", "storageClass": "fast"},
    "nodeSelector": {"nvidia.com/gpu.product": "NVIDIA-L4"},
    "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
    "resources": {"requests": {"cpu": "2"}, "limits": {"memory": "24Gi"}},
}
SLICE_POOL = {
    "replicas": 3,
    "gpu": {"migProfile": "1g.10gb"},
    "resources": {"requests": {"cpu": 1}},
}
EVERYTHING = {
    "images": {"pullSecrets": [{"name": "registry"}], "api": {"digest": f"sha256:{'a' * 64}"}},
    "bucket": {"secretName": "hiir-bucket"},
    "models": {"export": {"enabled": True, "target": "gpu"}},
    "settings": {"HIIR_JOBS__RESULT_SECONDS": "7200"},
    "tracing": {
        "endpoint": "http://otel-collector.monitoring:4318",
        "variables": {"OTEL_TRACES_SAMPLER": "parentbased_always_on"},
    },
    "api": {
        "autoscaling": {"requestsInFlight": 50},
        "service": {"type": "LoadBalancer", "annotations": {"example.org/internal": "true"}},
        "nodeSelector": {"disk": "ssd"},
    },
    "worker": {"autoscaling": {"enabled": True, "jobsPerSlot": {"batch": 4}}},
    "triton": {"pools": {"cpu": None, "l4": GPU_POOL, "slices": SLICE_POOL}},
    "networkPolicy": {
        "apiFrom": [{"namespaceSelector": {"matchLabels": {"role": "ingress"}}}],
        "bucket": {"to": [{"ipBlock": {"cidr": "203.0.113.0/24"}}]},
    },
    "monitoring": {
        "podMonitors": True,
        "rules": True,
        "dashboard": True,
        "labels": {"release": "prometheus"},
    },
    "bootstrapKey": {"enabled": True, "tenant": "museum"},
}


class ChartError(Exception):
    """Helm refused the values; the message says why."""


@dataclass(frozen=True, slots=True)
class Manifests:
    """What was rendered."""

    all: tuple[Manifest, ...]

    def one(self, kind: str, name: str) -> Manifest:
        (found,) = (each for each in self.of(kind) if each["metadata"]["name"] == name)
        return found

    def of(self, kind: str) -> list[Manifest]:
        return [manifest for manifest in self.all if manifest["kind"] == kind]

    def pods(self) -> Iterator[tuple[str, Manifest]]:
        """Yield the name and the pod's spec of everything that starts pods."""
        for manifest in self.all:
            if "template" in manifest.get("spec", {}):
                yield manifest["metadata"]["name"], manifest["spec"]["template"]["spec"]

    def container(self, name: str) -> Manifest:
        (container,) = dict(self.pods())[name]["containers"]
        return container


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """The chart, as a release with the name `hiir`."""

    helm: Path

    def render(self, values: Mapping[str, Any] | None = None, *, path: Path = CHART) -> Manifests:
        """Render it; raises `ChartError` if it does not accept the values."""
        shown = self._run("template", "hiir", str(path), "--values", "-", values=values)
        return Manifests(tuple(each for each in yaml.safe_load_all(shown) if each))

    def lint(self, values: Mapping[str, Any] | None = None) -> str:
        return self._run("lint", "--strict", str(CHART), "--values", "-", values=values)

    def package(self, folder: Path) -> Path:
        """Write the archive that is published, and return its path."""
        self._run("package", str(CHART), "--destination", str(folder), values=None)
        (archive,) = folder.glob("*.tgz")
        return archive

    def _run(self, *arguments: str, values: Mapping[str, Any] | None) -> str:
        ran = subprocess.run(
            [self.helm, *arguments],
            input=json.dumps(values or {}),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        if ran.returncode:
            raise ChartError(ran.stdout + ran.stderr)
        return ran.stdout
