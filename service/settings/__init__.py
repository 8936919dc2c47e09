"""Settings of the service: the only module, beside `embedded.settings`, that reads the environment.

Begin with `Settings`. `HIIR_TRITON_URL=gpu1:8001` sets a field and `HIIR_JOBS__LEASE_SECONDS=10` a
nested one. Each composition root (`api.app`, `worker.app`, `webhooks.worker.app`) builds the
settings once and passes them on.
"""

from enum import StrEnum
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from service.limits import OPEN_MODE, Limits, TenantLimits
from service.settings.bucket import BucketSettings
from service.settings.cors import CorsSettings
from service.settings.jobs import JobSettings
from service.settings.redis_address import SentinelAddress
from service.settings.triton_address import TritonAddresses
from service.settings.webhooks import WebhookSettings


class RedisDatabase(StrEnum):
    """Databases of the one Redis server, separate so that blobs can be moved or flushed alone."""

    BROKER = "0"
    STATE = "1"
    BLOBS = "2"


class AuthMode(StrEnum):
    """Who may use the API."""

    KEYS = "keys"
    """Clients with an API key."""
    OPEN = "open"
    """Clients on this machine only; all of them are one tenant. See `limits.OPEN_MODE`."""


class LogFormat(StrEnum):
    """Format of the log lines."""

    TEXT = "text"
    JSON = "json"


class InferenceSettings(BaseModel):
    """How tiles are sent to Triton."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tiles_in_flight: PositiveInt | None = None
    """Maximum number of tiles of one job in flight at each Triton server.

    By default it is as many as fill the largest batch of every instance of the model.
    """

    tile_seconds: PositiveFloat = 120
    """Timeout of one tile in seconds, including its wait behind tiles of other jobs."""

    outage_seconds: PositiveFloat = 300
    """Seconds for which a running job waits for Triton to return before it is requeued."""

    fault_seconds: PositiveFloat = 60
    """Seconds for which a tile is retried after an internal error of Triton.

    Such errors occur while one of its processes is dead and not yet replaced.
    """


class ReplicaSettings(BaseModel):
    """Replicas of Redis that confirm what must survive the loss of its primary."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    required: NonNegativeInt = 0
    """Number of replicas that must confirm a job before its submission is answered.

    They must also confirm its end before its upload is deleted. With 0 there is no wait.
    """

    timeout_seconds: Annotated[float, Field(gt=0, le=2)] = 1
    """Seconds to wait for the replicas.

    After that, a submission is refused with 503, and an ended job keeps its upload.
    """


class MetricsSettings(BaseModel):
    """Where Prometheus scrapes the metrics; port 0 disables them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = "127.0.0.1"
    api_port: NonNegativeInt = 9464
    worker_port: NonNegativeInt = 9465


class CacheSettings(BaseModel):
    """The cache of results."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = True
    """Whether a tenant gets its existing result for the same image and parameters.

    It is used as long as it has not expired. A request can decline with `Cache-Control`.
    """


class Settings(BaseSettings):
    """Everything that a deployment can configure."""

    model_config = SettingsConfigDict(
        env_prefix="HIIR_",
        env_nested_delimiter="__",
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,  # a rejected Redis URL contains its password too
    )

    host: str = "127.0.0.1"
    port: PositiveInt = 8000

    auth: AuthMode = AuthMode.KEYS
    """Who may use the API. `open` requires a loopback `host`."""

    drain_seconds: NonNegativeFloat = 5
    """Seconds for which the API keeps serving on shutdown, after it has reported not ready.

    Load balancers can react in this time.
    """

    redis_url: SecretStr = SecretStr("redis://127.0.0.1:6379")
    """URL of the Redis server, or of the sentinels that name it (see `redis_address`).

    It includes the password, but no database number, because the service uses three databases (see
    `RedisDatabase`).
    """

    triton_url: str = "127.0.0.1:8001"
    """Triton's gRPC address: `host:port`, several addresses, or `dns:///name:port`.

    Several addresses are separated by commas; `dns:///name:port` stands for all addresses of a
    hostname. The service needs no other port.
    """

    model_repository: Path = Path("model_repository")

    models: tuple[str, ...] = ()
    """Models of the repository that are offered; all if empty. Triton must serve at least these."""

    log_format: LogFormat = LogFormat.TEXT
    log_level: str = "INFO"

    replicas: ReplicaSettings = ReplicaSettings()
    bucket: BucketSettings = BucketSettings()
    limits: Limits = Limits()
    tenants: TenantLimits = TenantLimits()
    jobs: JobSettings = JobSettings()
    inference: InferenceSettings = InferenceSettings()
    metrics: MetricsSettings = MetricsSettings()
    cache: CacheSettings = CacheSettings()
    cors: CorsSettings = CorsSettings()
    webhooks: WebhookSettings = WebhookSettings()

    @model_validator(mode="before")
    @classmethod
    def _defaults_of_open_mode(cls, data: dict[str, Any]) -> dict[str, Any]:
        """Fill in the defaults of open mode for fields that neither environment nor code sets."""
        if data.get("auth") != AuthMode.OPEN:
            return data
        for name, values in OPEN_MODE.items():
            given = data.get(name, {})
            if isinstance(given, dict):
                data = {**data, name: {**values, **given}}
        return data

    @field_validator("redis_url")
    @classmethod
    def _without_database(cls, value: SecretStr) -> SecretStr:
        url = value.get_secret_value()
        parts = urlsplit(url)
        if "cluster" in parts.scheme:
            raise ValueError(
                "cannot be a Redis Cluster: the service uses three databases, scripts whose keys "
                "lie in different slots, and Celery, which has no transport for it. Use one server "
                "or the endpoint of a managed primary"
            )
        if SentinelAddress.matches(url):
            if SentinelAddress.parse(url).database is not None:
                raise ValueError("must not contain a database number: the service uses 0 to 2")
            return SecretStr(url)
        if parts.scheme not in {"redis", "rediss"} or not parts.hostname:
            raise ValueError(
                "must look like redis://host:port or redis+sentinel://host:port,host:port/service"
            )
        if parts.path.strip("/") or parts.query:
            raise ValueError(
                "must not contain a database number or a query: the service uses databases 0 to 2"
            )
        return SecretStr(url.rstrip("/"))

    @field_validator("triton_url")
    @classmethod
    def _is_triton_address(cls, value: str) -> str:
        TritonAddresses.parse(value)
        return value

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
            raise ValueError(
                "auth=open requires a loopback host such as 127.0.0.1; other hosts require API keys"
            )
        return self

    @model_validator(mode="after")
    def _other_origins_need_keys(self) -> Self:
        if self.auth is AuthMode.OPEN and self.cors.origins:
            raise ValueError(
                "cors.origins requires auth=keys: without keys, pages of other sites are refused"
            )
        return self

    def database_url(self, database: RedisDatabase) -> str:
        """Return the URL of one database of the Redis server, with the password."""
        parts = urlsplit(self.redis_url.get_secret_value())
        return parts._replace(path=f"{parts.path.rstrip('/')}/{database}").geturl()


def is_loopback(host: str) -> bool:
    """Return whether a host is, or an address comes from, the loopback interface."""
    if host == "localhost":
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.is_loopback
