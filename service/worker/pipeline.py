"""The pipeline of one job. Read this file first: it names all steps in order.

    claim -> fetch -> decode -> (tile -> Triton -> blend) per step -> encode -> store -> finish

Each step has its own module. `attempt` decides how a job ends when a step fails or the job must
stop.
"""

import logging
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import BinaryIO, Self

import numpy as np

from hiir.imaging import (
    Codec,
    DecodedImage,
    EncodedPhoto,
    ImageLimits,
    ImagingError,
    ModelContract,
    PixelFile,
    PixelRows,
    Region,
    plan_photo,
    restore_tiled,
    restored_shape,
    written_rows,
)
from service.capacity.throughput import ThroughputStore
from service.catalogue.models import ModelCatalogue
from service.errors import ModelMismatchError, StoreFullError, StoreUnavailableError
from service.inference.served_model import ServedModel
from service.inference.triton import TritonClient
from service.intake.codec_pool import build_codec
from service.jobs.blob_stores import open_blob_store
from service.jobs.blobs import BlobStore
from service.jobs.job import Job, Stage
from service.jobs.lease import Lease
from service.jobs.planned_step import PlannedStep, Step, plan_steps
from service.jobs.queue import JobQueue
from service.jobs.store import JobStore
from service.jobs.unchanged import keeps_file, notes_without_steps
from service.observability.logs import job_context, origin_context
from service.observability.spans import Attributes, Span, SpanKind, record_span, span
from service.settings import Settings
from service.worker.attempt import Attempt
from service.worker.housekeeping import DrainFlag
from service.worker.metrics_reporter import ReportOutcome
from service.worker.preparation import PreparedPhoto, input_of_step, prepare_photo
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
        """Claim the next job, if there is one, and run it until it ends or is requeued."""
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
            _job_span(job, worker) as step,
            self._attempt(lease, step) as attempt,
        ):
            if lease.store_full:
                raise StoreFullError("The job store was full for too long; submit it again.")
            self._restore(job, attempt)

    def _restore(self, job: Job, attempt: Attempt) -> None:
        models = [self._find_model(step) for step in job.steps]
        # This check comes before decoding: while versions differ, many jobs get this far.
        served = [self._require_model(model, attempt) for model in models]
        with ExitStack() as files:
            source, target = (files.enter_context(tempfile.TemporaryFile()) for _ in range(2))
            attempt.fetch_source(source)
            attempt.enter(Stage.DECODE)
            with attempt.interrupting(self.codec.kill):
                photo = prepare_photo(
                    source,
                    job,
                    contract=models[0] if models else None,
                    codec=self.codec,
                    limits=self._limits,
                    files=files,
                )
            region = job.options.region
            steps = plan_steps(
                photo.rows.shape,
                job.steps,
                models,
                any_size=[model.any_size for model in served],
                region=region,
            )
            self._preview_input(attempt, photo, region)
            attempt.set_tiles(steps)
            attempt.enter(Stage.RESTORE)
            restored = self._restore_steps(photo, job, steps, attempt, served=served, files=files)
            attempt.enter(Stage.ENCODE)
            written = self._write(
                restored, photo, job, source=source, target=target, attempt=attempt
            )
            preview = self._preview(attempt, restored, photo.like, files, region)
            attempt.enter(Stage.STORE)
            height, width = restored.shape[:2]
            if not steps and keeps_file(photo.like.info, job.options):
                height, width = job.source.height, job.source.width  # dimensions as stored
            attempt.succeed(target, photo=written, width=width, height=height, preview=preview)

    def _require_model(self, model: ModelContract, attempt: Attempt) -> ServedModel:
        """Check that Triton serves a model, and return how the server accepts its tiles."""
        with self.triton.engine(model) as engine, attempt.interrupting(engine.abort):
            return engine.require_model()

    def _restore_steps(
        self,
        photo: PreparedPhoto,
        job: Job,
        steps: Sequence[PlannedStep],
        attempt: Attempt,
        *,
        served: Sequence[ServedModel],
        files: ExitStack,
    ) -> PixelFile:
        """Run the steps, each on the output of the previous one.

        Samples between two steps have 16 bits, as if the result of one job were uploaded for the
        next.
        """
        if not steps:
            return photo.visible(files, job.options.region)
        final = plan_photo(photo.like.info, job.options).dtype
        rows: PixelRows = photo.rows
        known: Region | None = None
        for place, planned in enumerate(steps):
            is_last = place == len(steps) - 1
            shape = restored_shape((*planned.shape, 0), planned.model, planned.region)
            restored = files.enter_context(PixelFile(shape, final if is_last else np.uint16))
            self._run_step(
                planned,
                input_of_step(planned, rows, known=known),
                restored,
                served=served[place],
                strength=job.options.strength / 100,
                attempt=attempt,
            )
            if place == 0:
                photo.develop(restored)
            if not is_last:
                rows = written_rows(restored, like=photo.like)
                known = _enlarged(planned.region, planned.model.scale)
        return restored

    def _run_step(
        self,
        planned: PlannedStep,
        image: PixelRows,
        restored: PixelFile,
        *,
        served: ServedModel,
        strength: float,
        attempt: Attempt,
    ) -> None:
        model = planned.model
        with (
            span("inference", attributes={"hiir.model": model.name}) as step,
            self.triton.engine(model, served=served) as engine,
            attempt.interrupting(engine.abort),
        ):
            clock = StageClock(engine)
            restore_tiled(
                image=image,
                output=restored,
                contract=model,
                infer=clock,
                in_flight=engine.tiles_in_flight,
                on_progress=attempt.report_tiles,
                should_stop=clock.watching(attempt.is_stopped),
                strength=strength,
                region=planned.region,
            )
            # A server that was replaced in the meantime must not produce an image of two versions.
            engine.confirm_model()
            parts = clock.stop()
            step.set({"hiir.tiles": len(planned.tiles)})
            step.set({f"hiir.{part}_seconds": round(spent, 3) for part, spent in parts.items()})
        attempt.end_step(planned, parts)

    def _write(
        self,
        restored: PixelFile,
        photo: PreparedPhoto,
        job: Job,
        *,
        source: BinaryIO,
        target: BinaryIO,
        attempt: Attempt,
    ) -> EncodedPhoto:
        info = photo.like.info
        if not job.steps and keeps_file(info, job.options):
            source.seek(0)
            shutil.copyfileobj(source, target)
            return EncodedPhoto(
                format=info.header.format, notes=notes_without_steps(info, job.options, ())
            )
        with attempt.interrupting(self.codec.kill):
            written = self.codec.encode(
                restored, like=photo.like, options=job.options, target=target
            )
        if job.steps:
            return written
        return replace(written, notes=notes_without_steps(info, job.options, written.notes))

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
        """Write a preview; returns None instead of failing the job."""
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

    def _attempt(self, lease: Lease, step: Span) -> Attempt:
        return Attempt(
            lease=lease,
            step=step,
            jobs=self.jobs,
            blobs=self.blobs,
            queue=self.queue,
            throughput=self.throughput,
            settings=self.settings,
            drain=self.drain,
            report_outcome=self.report_outcome,
        )

    def _find_model(self, step: Step) -> ModelContract:
        contract = self.models.refresh(step.model)
        if contract is None:
            raise ModelMismatchError("The job's model is not served.", actual=step.model)
        return contract

    @property
    def _limits(self) -> ImageLimits:
        return self.settings.limits.image_limits()


@contextmanager
def _job_span(job: Job, worker: str) -> Iterator[Span]:
    """Record the job's waiting time, and run the block in the span of this attempt."""
    if job.attempt == 1 and job.started_at is not None:
        record_span(
            "queue",
            began=job.created_at,
            ended=job.started_at,
            attributes={"hiir.priority": job.priority.value},
        )
    attributes: Attributes = {
        "hiir.job_id": job.id,
        "hiir.tenant": job.tenant,
        "hiir.task": job.task,
        "hiir.attempt": job.attempt,
        "hiir.pixels": job.pixels,
        "hiir.worker": worker,
    }
    with span(f"job {job.task}", kind=SpanKind.CONSUMER, attributes=attributes) as step:
        yield step


def _enlarged(region: Region | None, scale: int) -> Region | None:
    return None if region is None else region.scaled(scale)
