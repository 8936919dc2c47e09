"""What the service can do."""

from fastapi import APIRouter, Depends

from service.api.dependencies import ServicesDependency, refuse_parameters
from service.schemas import TaskList, TaskView

router = APIRouter(prefix="/v1", tags=["tasks"], dependencies=[Depends(refuse_parameters)])


@router.get("/tasks")
def list_tasks(services: ServicesDependency) -> TaskList:
    """List the tasks with their models, limits and measured quality."""
    limits = services.settings.limits
    return TaskList(tasks=[TaskView.of(contract, limits) for contract in services.models])
