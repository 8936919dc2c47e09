"""API keys of your own tenant; requires a key with the scope `admin`."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from service.api.admission import caller_of
from service.api.dependencies import (
    ServicesDependency,
    TenantDependency,
    accept_parameters,
    refuse_parameters,
)
from service.api.route_access import requires
from service.errors import InvalidParameterError, KeyNotFoundError, OpenModeError, TooManyKeysError
from service.keys import KeyLimitError, Scope
from service.schemas.key import KeyList, KeyView, NewKeyView


async def require_keys(request: Request) -> None:
    """Check that API keys are required: otherwise anyone could create them.

    Raises:
        OpenModeError: in open mode.
    """
    caller = caller_of(request.scope)
    if caller is None or caller.key_id is None:
        raise OpenModeError("The service runs without API keys, so there are none to manage.")


router = APIRouter(prefix="/v1/keys", tags=["keys"], dependencies=[Depends(require_keys)])


@router.get("", dependencies=[Depends(refuse_parameters)])
@requires(Scope.ADMIN)
def list_keys(services: ServicesDependency, tenant: TenantDependency) -> KeyList:
    """List the live keys of your tenant, without their secrets."""
    return KeyList(keys=[KeyView.of(key) for key in services.keys.live(tenant)])


@router.post(
    "", status_code=201, dependencies=[Depends(accept_parameters("scopes", "name", "days"))]
)
@requires(Scope.ADMIN)
def create_key(
    response: Response,
    services: ServicesDependency,
    tenant: TenantDependency,
    *,
    scopes: str = f"{Scope.READ},{Scope.WRITE}",
    name: Annotated[str, Query(max_length=100)] = "",
    days: Annotated[int | None, Query(ge=1, le=36_500)] = None,
) -> NewKeyView:
    """Create a key. Its secret is shown only in this response."""
    try:
        wanted = frozenset(Scope(scope) for scope in scopes.split(","))
    except ValueError:
        known = ",".join(Scope)
        raise InvalidParameterError(
            "scopes must be a comma-separated list.", limit=known, actual=scopes[:100]
        ) from None
    try:
        key, token = services.keys.create(tenant=tenant, scopes=wanted, name=name, days=days)
    except KeyLimitError as error:
        limit = services.settings.limits.live_keys
        raise TooManyKeysError(
            f"The tenant has {limit} live keys; revoke one first.", limit=limit
        ) from error
    response.headers["Cache-Control"] = "no-store"
    return NewKeyView(**KeyView.of(key).model_dump(), key=token)


@router.delete("/{key_id}", status_code=204, dependencies=[Depends(refuse_parameters)])
@requires(Scope.ADMIN)
def revoke_key(key_id: str, services: ServicesDependency, tenant: TenantDependency) -> None:
    """Revoke a key of your tenant, effective with the next request; it may be the key in use."""
    key = services.keys.get(key_id)
    if key is None or key.tenant != tenant:
        raise KeyNotFoundError("The tenant has no live key with this id.", actual=key_id[:100])
    services.keys.revoke(key_id)
