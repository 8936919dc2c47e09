"""Liveness and readiness."""

from fastapi import APIRouter, Response

from service.api.dependencies import ServicesDependency
from service.api.route_access import public
from service.schemas.health import HealthView

router = APIRouter(tags=["health"])


@router.get("/livez")
@public
async def live() -> dict[str, str]:
    """Return 200 while the process is alive."""
    return {"status": "alive"}


@router.get("/readyz", responses={503: {"description": "Not ready.", "model": HealthView}})
@public
def ready(services: ServicesDependency, response: Response) -> HealthView:
    """Return the readiness of Redis, Triton and the workers; 503 unless all are ready."""
    report = services.readiness.report()
    components = {name: problem or "ready" for name, problem in report.problems.items()}
    if len(report.tritons) > 1:  # by number: anyone may read this, and addresses are private
        components |= {
            f"triton-{number}": problem or "ready"
            for number, problem in enumerate(report.tritons, start=1)
        }
    is_ready = report.ready
    if services.drain.is_draining:
        is_ready, components["api"] = False, "is shutting down"
    if not is_ready:
        response.status_code = 503
        response.headers["Retry-After"] = "2"
    return HealthView(ready=is_ready, components=components)
