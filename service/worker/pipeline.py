"""The pipeline of one job. Read this file first: it names all steps in order.

    claim -> fetch -> decode -> tile -> Triton -> blend -> encode -> store -> finish

Each step has its own module; `attempt` decides how a job ends whose step fails or that must stop.
"""

import logging
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Self

from hiir.imaging import (
    Codec,
    DecodedImage,
    ImageLimits,
    ImagingError,
    ModelContract,
    PixelFile,
    Region,
    plan_photo,
    restore_tiled,
    restored_shape,
    tiles_of,
)
from service.capacity.throughput import ThroughputStore
from service.catalogue.models import ModelCatalogue
from service.errors import ModelMismatchError, StoreFullError, StoreUnavailableError
from service.inference.triton import TritonClient
from service.intake.codec_pool import build_codec
from service.jobs.blob_stores import open_blob_store
from service.jobs.blobs import BlobStore
from service.jobs.job import Job, Stage
from service.jobs.queue import JobQueue
from service.jobs.store import JobStore, Lease
from service.observability.logs import job_context, origin_context
from service.settings import Settings
from service.worker.attempt import Attempt
from service.worker.housekeeping import DrainFlag
from service.worker.metrics_reporter import ReportOutcome
from service.worker.preparation import PreparedPhoto, prepare_photo
from service.worker.preview_storage import Preview
from service.worker.stage_clock import StageClock

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """Runs one job at a time; built in each worker process after the fork."""

    settings: Settings
    jobs: JobStore
    blobs: BlobStore
    queue: JobQueue
    throughput: ThroughputStore
    models: ModelCatalogue
    triton: TritonClient
    codec: Codec
    drain: DrainFlag
    report_outcome: ReportOutcome

    @classmethod
    def build(
        cls,
        settings: Settings,
        *,
        models: ModelCatalogue,
        drain: DrainFlag,
        report_outcome: ReportOutcome,
    ) -> Self:
        """Build the pipeline without connecting to anything."""
        return cls(
            settings=settings,
            jobs=JobStore.from_settings(settings),
            blobs=open_blob_store(settings),
            queue=JobQueue.from_settings(settings),
            throughput=ThroughputStore.from_settings(settings),
            models=models,
            triton=TritonClient(url=settings.triton_url, settings=settings.inference),
            codec=build_codec(settings.limits),
            drain=drain,
            report_outcome=report_outcome,
        )

    def close(self) -> None:
        """Close every connection and end the codec process."""
        self.codec.close()
        self.triton.close()
        self.throughput.close()
        self.queue.close()
        self.blobs.close()
        self.jobs.close()

    def run(self, *, worker: str) -> None:
        """Take the job whose turn it is, if any, and run it until it ends or is requeued."""
        try:
            lease = self.jobs.claim(worker)
        except StoreUnavailableError:
            logger.warning("the job store is not available: the reaper will publish a turn again")
            return
        except StoreFullError:
            logger.warning("the job store is nearly full: the jobs stay in the queue")
            return
        if lease is None:
            logger.debug("no job can be taken")
            return
        job = lease.job
        with (
            job_context(job.id),
            origin_context(
                tenant=job.tenant,
                request_id=job.request_id,
                traceparent=job.traceparent,
                tracestate=job.tracestate,
            ),
            self._attempt(lease) as attempt,
        ):
            if lease.store_full:
                raise StoreFullError("The job store was full for too long; submit it again.")
            self._restore(job, attempt)

    def _restore(self, job: Job, attempt: Attempt) -> None:
        contract = self._find_model(job)
        # Before the upload is decoded: while versions differ, many jobs come this far.
        with self.triton.engine(contract) as engine, attempt.interrupting(engine.abort):
            served = engine.require_model()
        with ExitStack() as files:
            source, target = (files.enter_context(tempfile.TemporaryFile()) for _ in range(2))
            attempt.fetch_source(source)
            attempt.enter(Stage.DECODE)
            with attempt.interrupting(self.codec.kill):
                photo = prepare_photo(
                    source,
                    job,
                    contract=contract,
                    codec=self.codec,
                    limits=self._limits,
                    files=files,
                )
            plan = plan_photo(photo.like.info, job.options)
            region = job.options.region
            shape = restored_shape(photo.rows.shape, contract, region)
            self._preview_input(attempt, photo, region)
            attempt.set_tiles(
                tiles_of(photo.rows.shape, contract, any_size=served.any_size, region=region),
                any_size=served.any_size,
            )
            attempt.enter(Stage.RESTORE)
            restored = files.enter_context(PixelFile(shape, plan.dtype))
            with (
                self.triton.engine(contract, served=served) as engine,
                attempt.interrupting(engine.abort),
            ):
                clock = StageClock(engine)
                restore_tiled(
                    image=photo.rows,
                    output=restored,
                    contract=contract,
                    infer=clock,
                    in_flight=engine.tiles_in_flight,
                    on_progress=attempt.report_tiles,
                    should_stop=clock.watching(attempt.is_stopped),
                    strength=job.options.strength / 100,
                    region=region,
                )
                # A server that was replaced meanwhile must not leave an image of two versions.
                engine.require_model()
            attempt.record_seconds(clock.stop())
            attempt.enter(Stage.ENCODE)
            photo.develop(restored)
            with attempt.interrupting(self.codec.kill):
                written = self.codec.encode(
                    restored, like=photo.like, options=job.options, target=target
                )
            preview = self._preview(attempt, restored, photo.like, files, region)
            attempt.enter(Stage.STORE)
            height, width, _ = shape
            attempt.succeed(
                target,
                photo=written,
                width=width,
                height=height,
                model=contract,
                preview=preview,
            )

    def _preview_input(self, attempt: Attempt, photo: PreparedPhoto, region: Region | None) -> None:
        if self.settings.jobs.preview_side:
            with ExitStack() as files:
                shown = photo.visible(files, region)
                preview = self._preview(attempt, shown, photo.like, files, region)
                if preview is not None:
                    attempt.previews.store_of_source(preview)

    def _preview(
        self,
        attempt: Attempt,
        pixels: PixelFile,
        like: DecodedImage,
        files: ExitStack,
        region: Region | None,
    ) -> Preview | None:
        """Write a preview; a job does not fail for the lack of one."""
        side = self.settings.jobs.preview_side
        if not side:
            return None
        target = files.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - `files` closes it
        try:
            with attempt.interrupting(self.codec.kill):
                width, height = self.codec.write_preview(
                    pixels, like=like, max_side=side, target=target, region=region
                )
        except ImagingError as error:
            logger.warning("no preview: %s", error)
            return None
        return Preview(content=target, width=width, height=height)

    def _attempt(self, lease: Lease) -> Attempt:
        return Attempt(
            lease=lease,
            jobs=self.jobs,
            blobs=self.blobs,
            queue=self.queue,
            throughput=self.throughput,
            settings=self.settings,
            drain=self.drain,
            report_outcome=self.report_outcome,
        )

    def _find_model(self, job: Job) -> ModelContract:
        contract = self.models.refresh(job.model)
        if contract is None:
            raise ModelMismatchError("The job's model is not served.", actual=job.model)
        return contract

    @property
    def _limits(self) -> ImageLimits:
        return self.settings.limits.image_limits()
