"""FastAPI dependencies that routes share.

They are coroutines because FastAPI calls plain functions in a thread, which would take longer than
the functions themselves.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request

from service.api.admission import caller_of
from service.api.services import Services
from service.errors import KeyMissingError
from service.intake.receive import refuse_unknown


async def get_services(request: Request) -> Services:
    """Return the application's services."""
    services: Services = request.app.state.services
    return services


async def get_tenant(request: Request) -> str:
    """Return the caller's tenant, as determined by `AdmissionMiddleware`."""
    caller = caller_of(request.scope)
    if caller is None:  # the route was declared public by mistake
        raise KeyMissingError("This request requires an API key.")
    return caller.tenant


async def refuse_parameters(request: Request) -> None:
    """Check that the request has no query parameters.

    Raises:
        UnknownParameterError: if there is one.
    """
    refuse_unknown([name for name, _ in request.query_params.multi_items()], known=())


def accept_parameters(*known: str) -> Callable[[Request], Awaitable[None]]:
    """Return a dependency that refuses unknown and repeated query parameters."""

    async def refuse(request: Request) -> None:
        refuse_unknown([name for name, _ in request.query_params.multi_items()], known=known)

    return refuse


TenantDependency = Annotated[str, Depends(get_tenant)]
ServicesDependency = Annotated[Services, Depends(get_services)]
