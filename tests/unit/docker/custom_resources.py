"""The fields of custom resources that the chart uses, for which Kubernetes has no schema.

Each model lists all fields of its part of the resource's definition, and refuses others. KEDA 2.16:
scaledobjects.keda.sh, and the metadata that its Prometheus scaler reads. Prometheus operator 0.80:
podmonitors.monitoring.coreos.com, of which only what the chart uses is listed.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Count = Annotated[int, Field(ge=0)]
Number = Annotated[str, StringConstraints(pattern=r"^\d+(\.\d+)?$")]
Boolean = Literal["true", "false"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _ScaleTarget(_Strict):
    name: str
    apiVersion: str | None = None  # noqa: N815 - the resource's own names
    kind: str | None = None
    envSourceContainerName: str | None = None  # noqa: N815


class _Policy(_Strict):
    type: Literal["Pods", "Percent"]
    value: int
    periodSeconds: Annotated[int, Field(gt=0, le=1800)]  # noqa: N815


class _Rules(_Strict):
    policies: list[_Policy] | None = None
    selectPolicy: Literal["Max", "Min", "Disabled"] | None = None  # noqa: N815
    stabilizationWindowSeconds: Annotated[int, Field(ge=0, le=3600)] | None = None  # noqa: N815


class _Behavior(_Strict):
    scaleDown: _Rules | None = None  # noqa: N815
    scaleUp: _Rules | None = None  # noqa: N815


class _Autoscaler(_Strict):
    behavior: _Behavior | None = None
    name: str | None = None


class _Modifiers(_Strict):
    formula: str | None = None
    target: str | None = None
    activationTarget: str | None = None  # noqa: N815
    metricType: str | None = None  # noqa: N815


class _Advanced(_Strict):
    horizontalPodAutoscalerConfig: _Autoscaler | None = None  # noqa: N815
    restoreToOriginalReplicaCount: bool | None = None  # noqa: N815
    scalingModifiers: _Modifiers | None = None  # noqa: N815


class _Fallback(_Strict):
    failureThreshold: Count  # noqa: N815
    replicas: Count


class _Authentication(_Strict):
    name: str
    kind: Literal["TriggerAuthentication", "ClusterTriggerAuthentication"] | None = None


class _PrometheusMetadata(_Strict):
    serverAddress: Annotated[str, StringConstraints(pattern="^https?://")]  # noqa: N815
    query: str
    threshold: Number
    activationThreshold: Number | None = None  # noqa: N815
    namespace: str | None = None
    ignoreNullValues: Boolean | None = None  # noqa: N815
    unsafeSsl: Boolean | None = None  # noqa: N815
    customHeaders: str | None = None  # noqa: N815
    queryParameters: str | None = None  # noqa: N815
    timeout: Number | None = None
    authModes: str | None = None  # noqa: N815
    cortexOrgID: str | None = None  # noqa: N815


class _Trigger(_Strict):
    type: Literal["prometheus"]
    metadata: _PrometheusMetadata
    name: str | None = None
    useCachedMetrics: bool | None = None  # noqa: N815
    authenticationRef: _Authentication | None = None  # noqa: N815
    metricType: Literal["AverageValue", "Value", "Utilization"] | None = None  # noqa: N815


class _ScaledObjectSpec(_Strict):
    scaleTargetRef: _ScaleTarget  # noqa: N815
    triggers: Annotated[list[_Trigger], Field(min_length=1)]
    pollingInterval: Count | None = None  # noqa: N815
    cooldownPeriod: Count | None = None  # noqa: N815
    initialCooldownPeriod: Count | None = None  # noqa: N815
    idleReplicaCount: Count | None = None  # noqa: N815
    minReplicaCount: Count | None = None  # noqa: N815
    maxReplicaCount: Count | None = None  # noqa: N815
    advanced: _Advanced | None = None
    fallback: _Fallback | None = None


class _Metadata(_Strict):
    name: str
    labels: dict[str, str]


class ScaledObject(_Strict):
    """A ScaledObject of KEDA with triggers by Prometheus."""

    apiVersion: Literal["keda.sh/v1alpha1"]  # noqa: N815
    kind: Literal["ScaledObject"]
    metadata: _Metadata
    spec: _ScaledObjectSpec


class _Selector(_Strict):
    matchLabels: dict[str, str]  # noqa: N815


class _Endpoint(_Strict):
    port: str
    interval: str


class _PodMonitorSpec(_Strict):
    selector: _Selector
    podMetricsEndpoints: list[_Endpoint]  # noqa: N815


class PodMonitor(_Strict):
    """A PodMonitor of the Prometheus operator."""

    apiVersion: Literal["monitoring.coreos.com/v1"]  # noqa: N815
    kind: Literal["PodMonitor"]
    metadata: _Metadata
    spec: _PodMonitorSpec


class _Groups(_Strict):
    groups: list[dict[str, Any]]
    """What they hold is checked by promtool."""


class PrometheusRule(_Strict):
    """A PrometheusRule of the Prometheus operator."""

    apiVersion: Literal["monitoring.coreos.com/v1"]  # noqa: N815
    kind: Literal["PrometheusRule"]
    metadata: _Metadata
    spec: _Groups


CUSTOM = {model.__name__: model for model in (ScaledObject, PodMonitor, PrometheusRule)}
