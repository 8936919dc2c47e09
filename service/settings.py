"""The service's settings: one frozen class, and the only module that reads the environment.

`HIIR_TRITON_URL=gpu1:8001` sets a field, `HIIR_JOBS__LEASE_SECONDS=10` a nested one. Settings are
built once in each composition root (`api.app`, `worker.app`) and handed down from there.
"""

from enum import StrEnum
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from service.limits import Limits, TenantLimits


class RedisDatabase(StrEnum):
    """Databases of the one Redis server, apart so that blobs can be moved or flushed alone."""

    BROKER = "0"
    STATE = "1"
    BLOBS = "2"


class AuthMode(StrEnum):
    """Who may use the API."""

    KEYS = "keys"
    """Whoever has a key."""
    OPEN = "open"
    """Everybody on this machine, and nobody else; all are one tenant."""


class LogFormat(StrEnum):
    """How a log line is written."""

    TEXT = "text"
    JSON = "json"


class JobSettings(BaseModel):
    """Lifetimes of jobs and of what guards them, in seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    lease_seconds: PositiveFloat = 30
    """A worker that was silent for so long has lost its job. It reports at least every third."""

    max_attempts: PositiveInt = 3
    """Leases that may end in silence before the job is given up as `worker-lost`."""

    reaper_seconds: PositiveFloat = 5
    """Time between two looks of the reaper, which is also the worker's heartbeat."""

    republish_seconds: PositiveFloat = 30
    """Age of a queue message at which the reaper stops trusting that it still exists."""

    input_seconds: PositiveInt = 21_600
    """How long a job may wait, for a worker or for Triton, and the life of its upload until then.
    A full queue of large images takes a small CPU hours."""

    result_seconds: PositiveInt = 3600
    """Life of a finished result."""

    record_seconds: PositiveInt = 86_400
    """Life of an ended job's record, longer than its result's so that 410 can be told from 404."""

    idempotency_seconds: PositiveInt = 86_400
    """How long an idempotency key stands for the submission that it was first sent with."""

    soft_time_limit: PositiveInt = 1800
    """A job that runs longer fails with `timeout`: 12 megapixels take minutes on a small CPU."""

    hard_time_limit: PositiveInt = 1860
    """Process kill for a job that did not react to the soft limit; the reaper cleans up."""

    store_retry_seconds: PositiveFloat = 120
    """How long a worker with a job under way keeps trying to reach an absent Redis."""

    drain_seconds: PositiveFloat = 15
    """How long a worker that is asked to end goes on with its jobs before it gives them back."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.hard_time_limit <= self.soft_time_limit:
            raise ValueError("hard_time_limit must be longer than soft_time_limit")
        if self.record_seconds < self.result_seconds:
            raise ValueError("record_seconds must not be shorter than result_seconds")
        return self


class InferenceSettings(BaseModel):
    """How tiles travel to Triton."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tiles_in_flight: PositiveInt = 4
    """Tiles of one job that wait at Triton at once: enough to fill its batches."""

    tile_seconds: PositiveFloat = 120
    """Deadline of one tile, its wait behind other jobs' tiles included."""

    outage_seconds: PositiveFloat = 300
    """How long a running job waits for an absent Triton before it goes back to the queue."""

    fault_seconds: PositiveFloat = 60
    """How long a tile is tried again that Triton answers with a fault of its own, as it does while
    one of its processes is dead and not yet replaced."""


class WebhookSettings(BaseModel):
    """How a job's owner is told of it by a request to an address of theirs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    require_https: bool = True

    allowed_networks: tuple[IPv4Network | IPv6Network, ...] = ()
    """Networks that may be reached though they are not public: nothing else inside can be."""

    timeout_seconds: PositiveFloat = 10
    """For one attempt as a whole, however slowly the receiver answers."""

    retry_seconds: tuple[PositiveFloat, ...] = (5, 30, 120, 600, 1800, 3600, 7200, 14_400)
    """Pauses before the second attempt, the third, ...; then the delivery has failed."""

    jitter: Annotated[float, Field(ge=0, lt=1)] = 0.2
    """Part by which each pause is made longer or shorter, so that an outage ends in no crowd."""

    poll_seconds: PositiveFloat = 0.5
    """Time between two looks at what is due."""

    gone_seconds: PositiveInt = 86_400
    """How long nothing is sent to an address that has answered 410, unless its owner asks."""

    rotation_seconds: PositiveInt = 86_400
    """How long the secret that was replaced still signs beside the new one."""


class MetricsSettings(BaseModel):
    """Where Prometheus finds the metrics; a port of 0 is none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = "127.0.0.1"
    api_port: NonNegativeInt = 9464
    worker_port: NonNegativeInt = 9465


class Settings(BaseSettings):
    """Everything that a deployment can change."""

    model_config = SettingsConfigDict(
        env_prefix="HIIR_", env_nested_delimiter="__", frozen=True, extra="forbid"
    )

    host: str = "127.0.0.1"
    port: PositiveInt = 8000

    auth: AuthMode = AuthMode.KEYS
    """Who may use the API; `open` is refused where `host` is not this machine's own."""

    drain_seconds: NonNegativeFloat = 5
    """How long the API, asked to end, goes on after it has said that it is not ready: whoever
    sends requests here needs a moment to notice."""

    redis_url: str = "redis://127.0.0.1:6379"
    """Server without a database number: the service uses three (see `RedisDatabase`)."""

    triton_url: str = "127.0.0.1:8001"
    """gRPC address, `host:port`: tiles go here."""

    triton_http_url: str = "http://127.0.0.1:8002"
    """HTTP address: the API asks it for readiness."""

    model_repository: Path = Path("model_repository")
    log_format: LogFormat = LogFormat.TEXT
    log_level: str = "INFO"

    limits: Limits = Limits()
    tenants: TenantLimits = TenantLimits()
    jobs: JobSettings = JobSettings()
    inference: InferenceSettings = InferenceSettings()
    metrics: MetricsSettings = MetricsSettings()
    webhooks: WebhookSettings = WebhookSettings()

    @field_validator("redis_url")
    @classmethod
    def _without_database(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in {"redis", "rediss"} or not parts.hostname:
            raise ValueError("must look like redis://host:port")
        if parts.path.strip("/") or parts.query:
            raise ValueError("must name no database and no query: the service uses databases 0-2")
        return value.rstrip("/")

    @field_validator("triton_url")
    @classmethod
    def _host_and_port(cls, value: str) -> str:
        host, _, port = value.rpartition(":")
        if not host or "/" in value or not port.isdigit():
            raise ValueError("must look like host:port, without a scheme")
        return value

    @field_validator("triton_http_url")
    @classmethod
    def _http_address(cls, value: str) -> str:
        if urlsplit(value).scheme not in {"http", "https"}:
            raise ValueError("must look like http://host:port")
        return value.rstrip("/")

    @field_validator("log_level")
    @classmethod
    def _known_level(cls, value: str) -> str:
        known = {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"}
        if value.upper() not in known:
            raise ValueError(f"must be one of {', '.join(sorted(known))}")
        return value.upper()

    @model_validator(mode="after")
    def _open_to_this_machine_alone(self) -> Self:
        if self.auth is AuthMode.OPEN and not is_loopback(self.host):
            raise ValueError("auth=open is for a host like 127.0.0.1: others need keys")
        return self

    def database_url(self, database: RedisDatabase) -> str:
        """Address of one database of the Redis server."""
        return f"{self.redis_url}/{database}"


def is_loopback(host: str) -> bool:
    """Whether an address can be reached, or can have come, from this machine alone."""
    if host == "localhost":
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.is_loopback
