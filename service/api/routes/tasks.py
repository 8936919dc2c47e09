"""Tasks and models of the service."""

import contextlib
from collections.abc import Mapping

from fastapi import APIRouter, Depends

from service.api.dependencies import ServicesDependency, refuse_parameters
from service.api.route_access import requires
from service.errors import ServiceError
from service.keys import Scope
from service.schemas.task import ModelView, TaskList, TaskView

router = APIRouter(prefix="/v1", tags=["tasks"], dependencies=[Depends(refuse_parameters)])


@router.get("/tasks")
@requires(Scope.READ)
def list_tasks(services: ServicesDependency) -> TaskList:
    """List all tasks with their parameters, limits and models."""
    seconds_per_megapixel: Mapping[str, float] = {}
    with contextlib.suppress(
        ServiceError
    ):  # the throughput is optional, because tasks are known without Redis
        seconds_per_megapixel = services.catalogue.throughput.all()
    return TaskList(
        tasks=[
            TaskView.of(
                task,
                services.settings.limits,
                models=[
                    ModelView.of(
                        model,
                        precision=services.catalogue.models.precision(model.name),
                        seconds_per_megapixel=seconds_per_megapixel.get(model.sha256),
                    )
                    for model in task.models
                ],
            )
            for task in services.catalogue.tasks
        ]
    )
