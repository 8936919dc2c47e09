"""The only Celery task: a thin wrapper around the pipeline."""

from collections.abc import Callable
from typing import Any

from celery import Celery

from service.jobs.queue import TASK_NAME
from service.worker.pipeline import Pipeline


def define_task(app: Celery, pipeline: Callable[[], Pipeline]) -> None:
    """Register the task; `pipeline` is called in the process that runs it."""

    def restore(task: Any, *_: object) -> None:  # messages of the previous release carry a job id
        pipeline().run(worker=task.request.hostname)

    app.task(name=TASK_NAME, bind=True)(restore)
