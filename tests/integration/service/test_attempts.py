"""How a worker's try at a job can end, with the pipeline in this very process.

Jobs are made without a message, and taken before the running worker can hear of them.
"""

import errno
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from hiir.imaging import Codec, DiskFull, EncodedPhoto, ImageFormat, PixelFile
from service.catalogue.models import ModelCatalogue
from service.errors import ModelMismatchError, StoreUnavailableError
from service.inference.triton import TritonEngine
from service.jobs.job import Job, JobStatus
from service.jobs.lease import LeaseState
from service.jobs.planned_step import Step
from service.jobs.redis_blobs import RedisBlobStore
from service.jobs.store import JobStore
from service.jobs.stored_image import StoredImage
from service.settings import InferenceSettings, ReplicaSettings, Settings
from service.settings.jobs import JobSettings
from service.worker.housekeeping import DrainFlag
from service.worker.metrics_reporter import JobOutcome
from service.worker.pipeline import Pipeline
from tests.integration.service.models import contract
from tests.integration.service.stack import Stack, photo, read, wait_until, write

pytestmark = pytest.mark.integration
SOME_TILES = (110, 160)
MANY_TILES = (250, 350)
Maker = Callable[..., Pipeline]


@pytest.fixture
def make_pipeline(
    stack: Stack, service_repository: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Maker]:
    """Give a function that builds the worker's pipeline for the running servers."""
    made: list[Pipeline] = []
    outcomes: list[JobOutcome] = []

    def make(
        *,
        jobs: JobSettings | None = None,
        inference: InferenceSettings | None = None,
        triton_url: str | None = None,
        repository: Path = service_repository,
        replicas: ReplicaSettings | None = None,
    ) -> Pipeline:
        settings = Settings(
            redis_url=stack.redis_url,
            triton_url=triton_url or stack.triton_url,
            model_repository=repository,
            jobs=jobs or JobSettings(lease_seconds=6, republish_seconds=0.1),
            inference=inference or InferenceSettings(),
            replicas=replicas or ReplicaSettings(),
        )
        models = ModelCatalogue.read(repository)
        made.append(
            Pipeline.build(
                settings, models=models, drain=DrainFlag(), report_outcome=outcomes.append
            )
        )
        return made[-1]

    yield make
    for pipeline in made:
        pipeline.close()


@pytest.fixture
def pipeline(make_pipeline: Maker) -> Pipeline:
    return make_pipeline()


def create(pipeline: Pipeline, task: str, *, size: tuple[int, int] = SOME_TILES) -> str:
    """A queued job without a message."""
    content = write(photo(*size))
    blob = pipeline.blobs.put([content], seconds=600)
    now = time.time()
    job = Job(
        id=uuid.uuid4().hex,
        task=task,
        steps=(
            Step(
                task=task,
                parameters={},
                model=task,
                model_version="0",
                model_sha256="0" * 64,
            ),
        ),
        filename=None,
        source=StoredImage(
            blob=blob,
            format="png",
            media_type="image/png",
            extension=".png",
            width=size[1],
            height=size[0],
        ),
        created_at=now,
        expires_at=now + 600,
    )
    pipeline.jobs.create(job)
    return job.id


def run(pipeline: Pipeline, job_id: str) -> Job:
    pipeline.run(worker="test")
    job = pipeline.jobs.get(job_id)
    assert job is not None
    return job


def run_when_due(pipeline: Pipeline, job_id: str) -> Job:
    """Run a job that was put back for later."""
    wait_until(pipeline.jobs.turns.queue_due, "the job to be due")
    return run(pipeline, job_id)


def failure_code(job: Job) -> str:
    assert job.status is JobStatus.FAILED
    assert job.failure is not None
    assert job.failure.detail
    return job.failure.code


def test_upload_is_kept_while_no_replica_has_the_end(
    make_pipeline: Maker, pipeline: Pipeline
) -> None:
    job_id = create(pipeline, "identity")
    unconfirmed = make_pipeline(replicas=ReplicaSettings(required=1, timeout_seconds=0.1))
    job = run(unconfirmed, job_id)
    assert job.status is JobStatus.SUCCEEDED
    assert pipeline.blobs.open(job.source.blob) is not None


def test_success_tells_which_model_it_was(pipeline: Pipeline) -> None:
    job = run(pipeline, create(pipeline, "identity"))
    assert job.status is JobStatus.SUCCEEDED
    (step,) = job.steps
    assert (step.model_version, step.model_sha256) == ("1", contract("identity").sha256)
    assert job.result is not None
    content = b"".join(pipeline.blobs.open(job.result.blob) or ())
    assert (read(content) == photo(*SOME_TILES)).all()
    assert pipeline.blobs.open(job.source.blob) is None


def test_job_beyond_its_time_limit_fails(make_pipeline: Maker) -> None:
    pipeline = make_pipeline(jobs=JobSettings(soft_time_limit=1, hard_time_limit=2))
    job = run(pipeline, create(pipeline, "slow-identity", size=MANY_TILES))
    assert failure_code(job) == "timeout"
    assert job.failure is not None
    assert job.failure.limit == 1
    assert pipeline.blobs.open(job.source.blob) is None


def test_memory_error_fails_the_job(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    def encode(*_: object, **__: object) -> EncodedPhoto:
        raise MemoryError

    monkeypatch.setattr(Codec, "encode", encode)
    assert failure_code(run(pipeline, create(pipeline, "identity"))) == "out-of-memory"


def test_fault_of_ours_fails_the_job_without_a_word_of_it(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    def encode(*_: object, **__: object) -> EncodedPhoto:
        raise ZeroDivisionError("/secret/path")

    monkeypatch.setattr(Codec, "encode", encode)
    job = run(pipeline, create(pipeline, "identity"))
    assert failure_code(job) == "internal-error"
    assert "secret" not in str(job)


def test_expired_input_fails_the_job(pipeline: Pipeline) -> None:
    job_id = create(pipeline, "identity")
    job = pipeline.jobs.get(job_id)
    assert job is not None
    pipeline.blobs.delete(job.source.blob)
    assert failure_code(run(pipeline, job_id)) == "input-expired"


def test_damaged_input_fails_the_job(stack: Stack, pipeline: Pipeline) -> None:
    job_id = create(pipeline, "identity")
    job = pipeline.jobs.get(job_id)
    assert job is not None
    with stack.database(2) as redis:
        redis.setrange(f"hiir:blob:{job.source.blob.id}:0", 500, b"damage")
    assert failure_code(run(pipeline, job_id)) == "store-fault"


def test_input_lives_on_while_its_job_is_done(stack: Stack, pipeline: Pipeline) -> None:
    job_id = create(pipeline, "slow-identity")
    job = pipeline.jobs.get(job_id)
    assert job is not None
    key = f"hiir:blob:{job.source.blob.id}:0"
    with stack.database(2) as redis:
        redis.expire(key, 2)
        runner = threading.Thread(target=run, args=(pipeline, job_id))
        runner.start()
        wait_until(lambda: redis.ttl(key) > 1000, "the upload's life to be extended")
        runner.join()
    assert stack.job(job_id)["status"] == "succeeded"


def test_job_of_a_model_that_is_gone_waits_and_then_fails(
    stack: Stack, make_pipeline: Maker
) -> None:
    stack.worker.kill()
    pipeline = make_pipeline(
        jobs=JobSettings(lease_seconds=6, model_wait_seconds=1, republish_seconds=1)
    )
    job_id = create(pipeline, "retired")
    waiting = run(pipeline, job_id)
    assert (waiting.status, waiting.attempt) == (JobStatus.QUEUED, 0)
    job = run_when_due(pipeline, job_id)
    assert failure_code(job) == "model-mismatch"
    assert job.failure is not None
    assert job.failure.retryable


def test_job_waits_until_worker_and_triton_have_the_same_version(
    stack: Stack, make_pipeline: Maker, service_repository: Path, tmp_path: Path
) -> None:
    stack.worker.kill()
    repository = tmp_path / "repository"
    shutil.copytree(service_repository, repository)
    path = repository / "identity" / "config.pbtxt"
    served = path.read_text()
    path.write_text(served.replace("0123456789abcdef" * 4, "f" * 64))
    pipeline = make_pipeline(repository=repository)
    job_id = create(pipeline, "identity")
    waiting = run(pipeline, job_id)
    assert (waiting.status, waiting.attempt) == (JobStatus.QUEUED, 0)
    path.write_text("unfinished")
    assert run_when_due(pipeline, job_id).status is JobStatus.QUEUED
    path.write_text(served)
    job = run_when_due(pipeline, job_id)
    assert (job.status, job.steps[0].model_sha256) == (
        JobStatus.SUCCEEDED,
        "0123456789abcdef" * 4,
    )


def test_image_of_two_versions_is_not_kept(
    stack: Stack, make_pipeline: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.worker.kill()
    pipeline = make_pipeline()
    asked: list[bool] = []
    confirm = TritonEngine.confirm_model

    def confirm_model(engine: TritonEngine) -> None:
        asked.append(True)
        if len(asked) == 1:
            raise ModelMismatchError("Other weights.")
        confirm(engine)

    monkeypatch.setattr(TritonEngine, "confirm_model", confirm_model)
    job_id = create(pipeline, "identity")
    assert run(pipeline, job_id).status is JobStatus.QUEUED
    assert run_when_due(pipeline, job_id).status is JobStatus.SUCCEEDED


def test_restored_image_is_stored_though_the_worker_shuts_down(
    make_pipeline: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = make_pipeline()
    encode = Codec.encode

    def slow_encode(codec: Codec, *arguments: Any, **options: Any) -> EncodedPhoto:
        pipeline.drain.set()
        time.sleep(2)  # several heartbeats
        return encode(codec, *arguments, **options)

    monkeypatch.setattr(Codec, "encode", slow_encode)
    assert run(pipeline, create(pipeline, "identity")).status is JobStatus.SUCCEEDED


def test_too_large_a_result_fails_the_job(
    make_pipeline: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = make_pipeline()

    def encode(*_: object, target: BinaryIO, **__: object) -> EncodedPhoto:
        target.truncate(257 * 1024 * 1024)
        return EncodedPhoto(format=ImageFormat.PNG, notes=())

    monkeypatch.setattr(Codec, "encode", encode)
    job = run(pipeline, create(pipeline, "identity"))
    assert failure_code(job) == "result-too-large"
    assert job.failure is not None
    assert (job.failure.limit, job.failure.actual) == (256 * 1024 * 1024, 257 * 1024 * 1024)


def test_drained_job_goes_back_into_the_queue(stack: Stack, pipeline: Pipeline) -> None:
    stack.worker.kill()
    job_id = create(pipeline, "slow-identity", size=MANY_TILES)
    pipeline.drain.set()
    job = run(pipeline, job_id)
    assert (job.status, job.attempt) == (JobStatus.QUEUED, 0)
    assert pipeline.jobs.turns.position(job_id) == 0
    with stack.database(0) as redis:
        assert redis.llen("interactive") == 1, "a turn for it"
    stack.start()
    stack.ends_succeeded_once(job_id, photo(*MANY_TILES))


def test_inference_server_without_memory_for_one_tile_fails_the_job(make_pipeline: Maker) -> None:
    pipeline = make_pipeline(inference=InferenceSettings(fault_seconds=1.0))
    job = run(pipeline, create(pipeline, "greedy"))
    assert failure_code(job) == "gpu-out-of-memory"
    assert job.failure is not None
    assert job.failure.retryable


def test_tile_that_is_no_number_is_never_a_result(stack: Stack) -> None:
    pixels = photo(*SOME_TILES)
    pixels[80:90, 100:120] = 0
    job = stack.wait_end(stack.submit(write(pixels), "not-a-number")["id"])
    assert (job["status"], job["error"]["code"]) == ("failed", "model-output-invalid")
    assert job["error"]["retryable"]
    assert stack.client.get(f"/v1/jobs/{job['id']}/result").status_code == 409


def test_canceled_job_that_is_drained_is_canceled(stack: Stack, pipeline: Pipeline) -> None:
    job_id = create(pipeline, "identity")
    lease = pipeline.jobs.claim("test")
    assert lease is not None
    pipeline.jobs.cancel(job_id)
    assert pipeline.jobs.requeue(lease) is LeaseState.STOP
    assert stack.job(job_id)["status"] == "running"
    assert stack.wait_end(job_id)["status"] == "canceled", "the reaper ends it"


def test_job_that_waited_too_long_for_triton_fails(make_pipeline: Maker) -> None:
    pipeline = make_pipeline(
        triton_url="127.0.0.1:1",
        jobs=JobSettings(input_seconds=1),
        inference=InferenceSettings(outage_seconds=1.5),
    )
    job = run(pipeline, create(pipeline, "identity"))
    assert failure_code(job) == "inference-unavailable"
    assert job.failure is not None
    assert job.failure.retryable


def test_success_after_a_cancellation_is_not_written(
    pipeline: Pipeline, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = stack.blob_keys()
    job_id = create(pipeline, "identity")
    put = RedisBlobStore.put

    def cancel_then_put(self: RedisBlobStore, *args: object, **options: object) -> object:
        pipeline.jobs.cancel(job_id)
        return put(self, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(RedisBlobStore, "put", cancel_then_put)
    job = run(pipeline, job_id)
    assert job.status is JobStatus.CANCELED
    assert stack.blob_keys() <= before


def test_result_of_a_lost_lease_is_dropped(
    pipeline: Pipeline, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = stack.blob_keys()
    job_id = create(pipeline, "identity")
    put = RedisBlobStore.put

    def lose_then_put(self: RedisBlobStore, *args: object, **options: object) -> object:
        with stack.database(1) as redis:
            redis.hset(f"hiir:job:{job_id}", "lease", "another")
        return put(self, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(RedisBlobStore, "put", lose_then_put)
    job = run(pipeline, job_id)
    assert job.status is JobStatus.RUNNING
    assert job.result is None
    (source,) = stack.blob_keys() - before
    assert job.source.blob.id in source.decode()
    pipeline.jobs.cancel(job_id)
    assert stack.wait_end(job_id)["status"] == "canceled", "the reaper ends it"


def test_reply_that_was_lost_leaves_one_result(
    pipeline: Pipeline, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = stack.blob_keys()
    finish = JobStore.finish
    calls = []

    def finish_unheard(self: JobStore, *args: object) -> object:
        calls.append(finish(self, *args))  # type: ignore[arg-type]
        if len(calls) == 1:
            raise StoreUnavailableError
        return calls[-1]

    monkeypatch.setattr(JobStore, "finish", finish_unheard)
    job_id = create(pipeline, "identity")
    run(pipeline, job_id)
    assert calls == [LeaseState.HELD, LeaseState.HELD]
    stack.ends_succeeded_once(job_id, photo(*SOME_TILES))
    assert len(stack.blob_keys() - before) == 3, "a result and two previews"


def test_full_disk_puts_the_job_back_for_a_while(
    stack: Stack, make_pipeline: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(*_: object) -> PixelFile:
        raise OSError(errno.ENOSPC, "No space left on device")

    stack.worker.kill()
    pipeline = make_pipeline(
        jobs=JobSettings(lease_seconds=6, store_full_seconds=60, republish_seconds=0.5)
    )
    job_id = create(pipeline, "identity")
    with monkeypatch.context() as patched:
        patched.setattr("service.worker.pipeline.PixelFile", no_space)
        job = run(pipeline, job_id)
        assert (job.status, job.attempt) == (JobStatus.QUEUED, 0)
        assert pipeline.jobs.claim("test") is None, "it is not tried in a loop"
        wait_until(pipeline.jobs.turns.queue_due, "the job to be due")
        with stack.database(1) as redis:
            redis.hset(f"hiir:job:{job_id}", "started_at", time.time() - 61)
        job = run(pipeline, job_id)
    assert failure_code(job) == "disk-full"
    assert job.failure is not None
    assert job.failure.retryable


def test_full_disk_is_over_before_the_time_limit(
    stack: Stack, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(*_: object, **__: object) -> EncodedPhoto:
        raise DiskFull("There is no disk space left for temporary files.")

    stack.worker.kill()
    job_id = create(pipeline, "identity")
    with monkeypatch.context() as patched:
        patched.setattr(Codec, "encode", no_space)
        assert run(pipeline, job_id).status is JobStatus.QUEUED
    assert run_when_due(pipeline, job_id).status is JobStatus.SUCCEEDED


def test_bytes_of_a_result_outlive_it_for_downloads_under_way(
    stack: Stack, pipeline: Pipeline
) -> None:
    job = run(pipeline, create(pipeline, "identity"))
    assert job.result is not None
    with stack.database(2) as redis:
        left = redis.ttl(f"hiir:blob:{job.result.blob.id}:0")
    assert job.expires_at - pipeline.jobs.now() + 590 < left
