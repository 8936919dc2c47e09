"""Jobs that tests put into the job store, and the image that they are of."""

import time
import uuid
from dataclasses import replace

from service.jobs.blobs import Blob
from service.jobs.job import Job
from service.jobs.planned_step import Step
from service.jobs.stored_image import StoredImage

IMAGE = StoredImage(
    blob=Blob(id="b" * 32, size=10, sha256="c" * 64),
    format="png",
    media_type="image/png",
    extension=".png",
    width=20,
    height=30,
)


def new_job(task: str = "identity", **changes: object) -> Job:
    """Return a job with an id of its own that expires in 100 seconds; it is not stored."""
    now = time.time()
    job = Job(
        id=uuid.uuid4().hex,
        task=task,
        steps=(
            Step(
                task=task,
                parameters={},
                model=task,
                model_version="1",
                model_sha256=task[0] * 64,
            ),
        ),
        filename=None,
        source=IMAGE,
        created_at=now,
        expires_at=now + 100,
    )
    return replace(job, **changes)  # type: ignore[arg-type]
