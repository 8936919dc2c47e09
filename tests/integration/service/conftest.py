"""One service for the folder's tests, with short leases so that recovery takes seconds."""

import contextlib
import logging
import os
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import obstore
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from redis import Redis

from service.api.app import create_app
from service.embedded.ports import choose_port
from service.embedded.redis import RedisServer
from service.embedded.settings import StackSettings
from service.embedded.triton import TritonServer, unique_shm_prefix
from service.embedded.triton_release import ensure_tritonserver
from service.jobs.store import JobStore
from service.keys import ALL_SCOPES, KeyStore, Scope
from service.limits import TenantLimits
from service.settings import AuthMode, CacheSettings, Settings
from service.settings.bucket import BucketSettings
from service.settings.jobs import JobSettings
from tests.integration.service.buckets import (
    environment_of,
    keys_in,
    moto_bucket,
    whole_bucket,
)
from tests.integration.service.callers import MakeKey
from tests.integration.service.models import (
    add_blurring,
    add_enlarging,
    add_greedy,
    add_identity,
    add_mean_of_views,
    add_not_a_number,
)
from tests.integration.service.stack import Process, Stack, python, ready, wait_until

SETTINGS = {
    "HIIR_AUTH": "open",
    "HIIR_CACHE__ENABLED": "false",  # tests restore the same photo again and again
    "HIIR_LIMITS__PREDICTED_WAIT_SECONDS": "100000",
    "HIIR_TENANTS__SUBMITS_PER_MINUTE": "60000",
    "HIIR_TENANTS__BURST": "10000",
    "HIIR_TENANTS__OPEN_JOBS": "1000",
    "HIIR_TENANTS__MEGAPIXELS_PER_DAY": "1000000",
    "HIIR_DRAIN_SECONDS": "1.5",
    "HIIR_JOBS__LEASE_SECONDS": "6",
    "HIIR_JOBS__REAPER_SECONDS": "0.5",
    "HIIR_JOBS__REPUBLISH_SECONDS": "2",
    "HIIR_JOBS__DRAIN_SECONDS": "1",
    "HIIR_JOBS__STORE_FULL_SECONDS": "8",
    "HIIR_INFERENCE__OUTAGE_SECONDS": "12",
    "HIIR_LIMITS__PIXELS": "13000000",
    "HIIR_LIMITS__SIDE": "5000",
    "HIIR_LIMITS__BODY_BYTES": "20000000",
    "HIIR_LIMITS__BATCH_BYTES": "45000000",
    "HIIR_LIMITS__PING_SECONDS": "1",
    "HIIR_WEBHOOKS__REQUIRE_HTTPS": "false",
    "HIIR_WEBHOOKS__ALLOWED_NETWORKS": '["127.0.0.2/32"]',  # and not the rest of this machine
    "HIIR_WEBHOOKS__TIMEOUT_SECONDS": "1",
    "HIIR_WEBHOOKS__RETRY_SECONDS": "[0.2, 0.2, 0.2]",
    "HIIR_WEBHOOKS__POLL_SECONDS": "0.1",
    "HIIR_WEBHOOKS__BREAKER_FAILURES": "40",  # test_delivery_store.py tests the breaker
    "HIIR_WEBHOOKS__BREAKER_SECONDS": "0.2",
    "HIIR_WEBHOOKS__LONGEST_BREAKER_SECONDS": "0.2",
    "HIIR_WEBHOOKS__REDELIVERIES_PER_MINUTE": "12",
}


@pytest.fixture(scope="session")
def service_repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models that give back what they are sent, and small ones for the tasks of the product."""
    root = tmp_path_factory.mktemp("service_repository")
    add_identity(root, "identity")
    add_identity(root, "slow-identity", slow=True)
    add_identity(root, "large-identity", tile=256, overlap=32)
    add_identity(root, "huge-identity", tile=1024)
    add_identity(root, "denoise-color")
    add_identity(root, "denoise-gray", input_channels=1, output_channels=1)
    add_blurring(root, "blurring")
    add_blurring(root, "jpeg-color")
    add_enlarging(root, "sr-x2", scale=2)
    add_enlarging(root, "sr-x3", scale=3)
    add_identity(root, "deblur-defocus")
    add_mean_of_views(root, "deblur-defocus-dp")
    add_identity(root, "demosaic")
    add_not_a_number(root, "not-a-number")
    add_greedy(root, "greedy")
    return root


@pytest.fixture(scope="session")
def running_stack(
    tmp_path_factory: pytest.TempPathFactory, taken_ports: set[int], service_repository: Path
) -> Iterator[Stack]:
    """The service as long as the session; a test that kills a part of it starts that again."""
    folder = tmp_path_factory.mktemp("service")
    redis = RedisServer(
        data_dir=folder / "redis",
        port=choose_port(26_379, taken=taken_ports),
        max_memory="512mb",
        password=SecretStr("s3cret/word"),
    )
    triton = TritonServer(
        release=ensure_tritonserver(StackSettings().cache_dir),
        model_repository=service_repository,
        work_dir=folder / "triton",
        port=choose_port(28_001, taken=taken_ports),
        shm_prefix=unique_shm_prefix(),
    )
    spool = tmp_path_factory.mktemp("spool")
    port = choose_port(28_301, taken=taken_ports)
    url = f"http://127.0.0.1:{port}"
    clean = {key: value for key, value in os.environ.items() if not key.startswith("HIIR_")}
    environment = {
        **clean,
        **SETTINGS,
        "HIIR_METRICS__API_PORT": str(choose_port(28_401, taken=taken_ports)),
        "HIIR_METRICS__WORKER_PORT": str(choose_port(28_501, taken=taken_ports)),
        "HIIR_REDIS_URL": redis.url,
        "HIIR_TRITON_URL": triton.url,
        "HIIR_MODEL_REPOSITORY": str(service_repository),
        "TMPDIR": str(spool),
    }

    with httpx.Client(base_url=url, timeout=60, trust_env=False) as client:

        def is_api_alive() -> bool:
            try:
                return client.get("/livez").status_code == httpx.codes.OK
            except httpx.HTTPError:
                return False

        stack = Stack(
            redis=Process(
                name="redis",
                command=redis.command(),
                environment=clean,
                log=folder / "redis.log",
                is_ready=ready(redis.is_ready),
                prepare=redis.prepare,
            ),
            triton=Process(
                name="triton",
                command=triton.command(),
                environment={**clean, **triton.environment()},
                log=folder / "triton.log",
                is_ready=ready(triton.is_ready),
                prepare=triton.prepare,
            ),
            worker=Process(
                name="worker",
                command=python(
                    *("celery", "-A", "service.worker.app", "worker", "-Q", "interactive"),
                    *("-c", "2", "--without-gossip", "--without-mingle", "-l", "info"),
                ),
                environment=environment,
                log=folder / "worker.log",
                is_ready=lambda: True,
            ),
            webhooks=Process(
                name="webhooks",
                command=python("service.webhooks.worker"),
                environment=environment,
                log=folder / "webhooks.log",
                is_ready=lambda: True,
            ),
            api=Process(
                name="api",
                command=python(
                    *("uvicorn", "--factory", "service.api.app:create_app"),
                    *("--host", "127.0.0.1", "--port", str(port), "--no-access-log"),
                    *("--http", "service.api.http_protocol:HttpProtocol"),
                ),
                environment=environment,
                log=folder / "api.log",
                is_ready=is_api_alive,
            ),
            redis_url=redis.url,
            triton_url=triton.url,
            spool=spool,
            client=client,
        )
        try:
            yield stack
        finally:
            stack.kill()
            triton.remove_shared_memory()


@pytest.fixture
def stack(running_stack: Stack) -> Stack:
    """The service, complete, ready and idle: what it stores is then what this test stores."""
    running_stack.start()
    wait_until(lambda: not running_stack.has_open_jobs(), "jobs of earlier tests to end")
    return running_stack


@pytest.fixture
def make_app(stack: Stack, service_repository: Path) -> Iterator[Callable[..., FastAPI]]:
    """Give a function that builds an API of the test's own on the running servers."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    made: list[FastAPI] = []

    def make(**changes: Any) -> FastAPI:
        settings = Settings(
            redis_url=stack.redis_url,
            triton_url=stack.triton_url,
            model_repository=service_repository,
            **{"auth": AuthMode.OPEN, "cache": CacheSettings(enabled=False), **changes},
        )
        made.append(create_app(settings))
        return made[-1]

    yield make
    for app in made:
        app.state.services.close()
    root.handlers[:], level = before
    root.setLevel(level)


@pytest.fixture
def keys(stack: Stack) -> Iterator[KeyStore]:
    store = KeyStore.from_settings(Settings(redis_url=stack.redis_url))
    with contextlib.closing(store):
        yield store
        for key in store.live():
            store.revoke(key.id)


@pytest.fixture
def make_key(keys: KeyStore) -> MakeKey:
    """Give a function that makes keys, of tenants that no other test has."""
    mark = uuid.uuid4().hex[:8]

    def make(tenant: str, *scopes: Scope) -> str:
        return keys.create(tenant=f"{tenant}-{mark}", scopes=frozenset(scopes) or ALL_SCOPES)[1]

    return make


@pytest.fixture(scope="session")
def moto(taken_ports: set[int]) -> Iterator[BucketSettings]:
    """A bucket of moto's server, for the session."""
    with moto_bucket(choose_port(29_000, taken=taken_ports)) as settings:
        yield settings


@pytest.fixture
def bucket(moto: BucketSettings) -> BucketSettings:
    """The same, emptied."""
    obstore.delete(whole_bucket(moto), sorted(keys_in(moto)))
    return moto


@pytest.fixture
def bucket_worker(stack: Stack, bucket: BucketSettings) -> Iterator[None]:
    """A worker that keeps images in the bucket, in the place of the session's own."""
    stack.worker.kill()
    environment = {**stack.worker.environment, **environment_of(bucket)}
    worker = replace(stack.worker, name="bucket worker", environment=environment)
    worker.start()
    yield
    worker.kill()


@pytest.fixture
def redis(redis_server: RedisServer) -> Iterator["Redis[str]"]:
    """The stores' database, emptied."""
    with Redis.from_url(f"{redis_server.url}/1", decode_responses=True) as client:
        client.flushdb()
        yield client


@pytest.fixture
def tenant_limits() -> TenantLimits:
    """Those of the stores that `open_store` opens."""
    return TenantLimits(open_jobs=1000)


@pytest.fixture
def open_store(
    redis_server: RedisServer, redis: "Redis[str]", tenant_limits: TenantLimits
) -> Iterator[Callable[..., JobStore]]:
    """Open a store of jobs, with changed settings, on an empty database."""
    opened: list[JobStore] = []

    def open_one(**settings: float) -> JobStore:
        jobs = JobSettings(**settings)  # type: ignore[arg-type]
        chosen = Settings(redis_url=redis_server.url, jobs=jobs, tenants=tenant_limits)
        opened.append(JobStore.from_settings(chosen))
        return opened[-1]

    yield open_one
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store: Callable[..., JobStore]) -> JobStore:
    return open_store()
