"""The standard variables of OpenTelemetry (`OTEL_*`) that determine whether spans are exported.

The SDK itself reads the other variables: headers, timeouts, sampling, resource attributes and
batches.
"""

from pydantic_settings import BaseSettings, SettingsConfigDict

_TRACES_PATH = "/v1/traces"


class TracingSettings(BaseSettings):
    """Variables of the environment for exporting spans; empty variables count as absent."""

    model_config = SettingsConfigDict(
        env_prefix="OTEL_",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    sdk_disabled: bool = False

    traces_exporter: str = "otlp"

    exporter_otlp_endpoint: str | None = None

    exporter_otlp_traces_endpoint: str | None = None

    exporter_otlp_protocol: str = "http/protobuf"

    exporter_otlp_traces_protocol: str | None = None

    @property
    def endpoint(self) -> str | None:
        """URL to which spans are sent; None if none are exported.

        In contrast to the SDK, the default is not a collector on this machine: without an endpoint
        nothing is recorded.
        """
        if self.sdk_disabled or self.traces_exporter == "none":
            return None
        if self.exporter_otlp_traces_endpoint is not None:
            return self.exporter_otlp_traces_endpoint
        if self.exporter_otlp_endpoint is not None:
            return self.exporter_otlp_endpoint.rstrip("/") + _TRACES_PATH
        return None

    @property
    def obstacle(self) -> str | None:
        """Reason why spans cannot be exported as configured; None if they can."""
        if self.traces_exporter not in {"otlp", "none"}:
            return f"OTEL_TRACES_EXPORTER must be otlp or none, not {self.traces_exporter}"
        protocol = self.exporter_otlp_traces_protocol or self.exporter_otlp_protocol
        if protocol != "http/protobuf":
            return f"OTEL_EXPORTER_OTLP_PROTOCOL must be http/protobuf, not {protocol}"
        return None
