"""What the routes work with, built once for each application."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

import httpx
from fastapi import Depends, Request

from service.blob_store import BlobStore
from service.errors import JobNotFound, ServerBusy
from service.intake import Intake
from service.job_store import JobStore
from service.jobs import Job
from service.models import ModelCatalogue
from service.queue import JobQueue
from service.readiness import Readiness
from service.settings import Settings
from service.uploads import refuse_unknown


class UploadSlots:
    """Bounds the bodies that are received at once: the one too many is turned away, not kept."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._slots = asyncio.Semaphore(count)

    @asynccontextmanager
    async def take(self) -> AsyncIterator[None]:
        """Hold a slot; raises `ServerBusy` if there is none."""
        if self._slots.locked():
            raise ServerBusy("Too many files are being sent at once.", limit=self._count)
        async with self._slots:
            yield


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The composition root's product."""

    settings: Settings
    jobs: JobStore
    blobs: BlobStore
    queue: JobQueue
    models: ModelCatalogue
    readiness: Readiness
    intake: Intake
    uploads: UploadSlots
    triton: httpx.Client

    @classmethod
    def build(cls, settings: Settings) -> "Services":
        """Wire everything; connects to nothing. Raises `ModelRepositoryError`."""
        jobs = JobStore.from_settings(settings)
        blobs = BlobStore.from_settings(settings)
        queue = JobQueue.from_settings(settings)
        models = ModelCatalogue.read(settings.model_repository)
        # Not through a proxy that the environment names for other traffic.
        triton = httpx.Client(base_url=settings.triton_http_url, trust_env=False)
        return cls(
            settings=settings,
            jobs=jobs,
            blobs=blobs,
            queue=queue,
            models=models,
            readiness=Readiness(jobs=jobs, triton=triton, models=models.names),
            intake=Intake(
                jobs=jobs,
                blobs=blobs,
                queue=queue,
                models=models,
                limits=settings.limits,
                lifetimes=settings.jobs,
            ),
            uploads=UploadSlots(settings.limits.concurrent_uploads),
            triton=triton,
        )

    def find_job(self, job_id: str) -> Job:
        """The job; raises `JobNotFound`."""
        job = self.jobs.get(job_id)
        if job is None:
            raise unknown_job(job_id)
        return job

    def close(self) -> None:
        """Drop every connection."""
        self.triton.close()
        self.queue.close()
        self.blobs.close()
        self.jobs.close()


def unknown_job(job_id: str) -> JobNotFound:
    """The error for an id that nobody has, or no longer."""
    return JobNotFound("No job has this id, or its record has expired.", actual=job_id[:100])


def get_services(request: Request) -> Services:
    """The application's services."""
    services: Services = request.app.state.services
    return services


def refuse_parameters(request: Request) -> None:
    """Raise `UnknownParameter` for a query on a route that takes none."""
    refuse_unknown([name for name, _ in request.query_params.multi_items()], known=())


ServicesDependency = Annotated[Services, Depends(get_services)]
