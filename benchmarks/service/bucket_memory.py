"""Memory of Redis for many jobs whose images are in a bucket.

    python -m benchmarks.service.bucket_memory [--jobs 10000]

Starts a Redis and moto's S3 server, creates jobs, and ends each with a result and a preview of a
few bytes, as API and worker do, so that all results are kept at once. Then lets everything expire.
Exits with status 1 if Redis took more than 100 MB at any time, or if an object is left.
"""

import argparse
import asyncio
import contextlib
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import obstore
from obstore.store import S3Store
from pydantic import SecretStr
from redis import Redis

from service.embedded.ports import choose_port
from service.embedded.redis import RedisServer
from service.jobs.bucket_blobs import BucketBlobStore
from service.jobs.job import Job, JobStatus, Outcome
from service.jobs.lease import LeaseState
from service.jobs.planned_step import Step
from service.jobs.store import JobStore
from service.jobs.stored_image import Blob, StoredImage
from service.limits import Limits, TenantLimits
from service.settings import Settings
from service.settings.bucket import BucketSettings

MOST_BYTES = 100_000_000
BUCKET, PREFIX = "photos", "restored"
_KEPT_SECONDS = 3600
_START_SECONDS = 120
_SWEPT_JOBS = 500
_FIRST_JOBS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What many jobs took."""

    jobs: int
    peak_bytes: int
    """Most memory of Redis at any time, its own included."""
    job_bytes: float
    """Memory of Redis for each ended job."""
    objects: int
    """Objects while all results are kept."""
    left: int
    """Objects after all have expired."""
    seconds: float


def run(settings: Settings, *, jobs: int) -> Figures:
    """End this many jobs, and a few before, in an empty Redis and bucket; let them expire."""
    store, blobs = JobStore.from_settings(settings), BucketBlobStore.from_settings(settings)
    redis = Redis.from_url(settings.database_url("1"))  # type: ignore[arg-type]
    with contextlib.closing(store), contextlib.closing(blobs), redis:
        # What the first jobs load and connect is not counted for each job.
        kept = [blob for _ in range(_FIRST_JOBS) for blob in end_job(store, blobs)]
        before = redis.info("memory")["used_memory"]
        began = time.monotonic()
        for number in range(jobs):
            kept += end_job(store, blobs)
            if number % _SWEPT_JOBS == 0:
                sweep(blobs)
        seconds = time.monotonic() - began
        sweep(blobs)
        memory = redis.info("memory")
        objects = count_objects(settings.bucket)
        for blob in kept:
            blobs.touch(blob, seconds=1)
        time.sleep(1.5)
        sweep(blobs)
        return Figures(
            jobs=jobs,
            peak_bytes=memory["used_memory_peak"],
            job_bytes=(memory["used_memory"] - before) / jobs,
            objects=objects,
            left=count_objects(settings.bucket),
            seconds=seconds,
        )


def end_job(store: JobStore, blobs: BucketBlobStore) -> list[Blob]:
    """Do what API and worker do in the stores for one job; return the blobs that are kept."""
    now = store.now()
    source = image(blobs.put([b"upload"], seconds=_KEPT_SECONDS), side=4000)
    step = Step(
        task="denoise",
        parameters={},
        model="denoise-color",
        model_version="1",
        model_sha256="0" * 64,
    )
    job = Job(
        id=uuid.uuid4().hex,
        task="denoise",
        steps=(step,),
        filename="holiday-in-the-mountains.png",
        source=source,
        created_at=now,
        expires_at=now + _KEPT_SECONDS,
        result_estimate=36_000_000,
    )
    if store.create(job).name != "MADE" or (lease := store.claim("benchmark")) is None:
        raise RuntimeError("the job was not accepted")
    blobs.touch(source.blob, seconds=_KEPT_SECONDS)
    result = image(blobs.put([b"result"], seconds=_KEPT_SECONDS), side=4000)
    preview = image(blobs.put([b"preview"], seconds=_KEPT_SECONDS), side=2048)
    outcome = Outcome(
        status=JobStatus.SUCCEEDED,
        timings={"decode": 0.5, "restore": 20.25, "encode": 1.5, "store": 0.25},
        result=result,
        preview=preview,
        steps=(step,),
    )
    if store.finish(lease, outcome) is not LeaseState.HELD:
        raise RuntimeError("the job did not end")
    blobs.delete(source.blob)
    return [result.blob, preview.blob]


def image(blob: Blob, *, side: int) -> StoredImage:
    return StoredImage(
        blob=blob,
        format="png",
        media_type="image/png",
        extension=".png",
        width=side,
        height=side,
    )


def sweep(blobs: BucketBlobStore) -> None:
    while blobs.sweep():
        pass


def count_objects(bucket: BucketSettings) -> int:
    secret = bucket.secret_access_key
    store = S3Store(
        BUCKET,
        prefix=PREFIX,
        endpoint=bucket.endpoint,
        region=bucket.region,
        access_key_id=bucket.access_key_id,
        secret_access_key=secret.get_secret_value() if secret else None,
        client_options={"allow_http": True},
    )
    return sum(len(page) for page in obstore.list(store))


@contextlib.contextmanager
def servers(folder: Path) -> Iterator[Settings]:
    """Run Redis, and moto with a bucket."""
    taken: set[int] = set()
    redis = RedisServer(
        data_dir=folder,
        port=choose_port(46_379, taken=taken),
        max_memory="512mb",
        password=SecretStr("benchmark"),
    )
    redis.prepare()
    port = choose_port(46_500, taken=taken)
    endpoint = f"http://127.0.0.1:{port}"
    moto = (sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port))
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with (
        subprocess.Popen(redis.command(), **quiet) as first,  # type: ignore[call-overload]
        subprocess.Popen(moto, **quiet) as second,  # type: ignore[call-overload]
    ):
        try:
            wait_for(lambda: asyncio.run(redis.is_ready()))
            wait_for(lambda: has_bucket(endpoint))
            yield settings_of(redis.url, endpoint)
        finally:
            second.terminate()
            first.terminate()


def settings_of(redis_url: str, endpoint: str) -> Settings:
    return Settings(
        redis_url=SecretStr(redis_url),
        tenants=TenantLimits(open_jobs=10**6, megapixels_per_day=10**9),
        limits=Limits(queue_depth=10**6),
        bucket=BucketSettings(
            url=f"s3://{BUCKET}/{PREFIX}",
            endpoint=endpoint,
            region="us-east-1",
            access_key_id="benchmark",
            secret_access_key=SecretStr("benchmark"),
        ),
    )


def has_bucket(endpoint: str) -> bool:
    try:
        return httpx.put(f"{endpoint}/{BUCKET}", timeout=60, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def wait_for(is_ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not is_ready():
        if time.monotonic() > deadline:
            raise TimeoutError(f"a server was not ready within {_START_SECONDS} s")
        time.sleep(0.1)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--jobs", type=int, default=10_000, help="default: %(default)s")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, servers(Path(folder)) as settings:
        figures = run(settings, jobs=options.jobs)
    print(f"{figures.jobs} jobs in {figures.seconds:.0f} s, {figures.objects} objects kept at once")
    print(f"Redis: peak {figures.peak_bytes / 1e6:.1f} MB, {figures.job_bytes:.0f} bytes a job")
    print(f"objects left after expiry: {figures.left}")
    return int(figures.peak_bytes > MOST_BYTES or figures.left > 0)


if __name__ == "__main__":
    sys.exit(main())
