"""Secrets that sign webhooks."""

from fastapi import APIRouter, Depends, Response

from service.api.dependencies import ServicesDependency, TenantDependency, refuse_parameters
from service.api.route_access import requires
from service.keys import Scope
from service.webhooks.secrets import WebhookSecrets
from service.webhooks.views import WebhookSecretView

router = APIRouter(
    prefix="/v1/webhooks/secret", tags=["webhooks"], dependencies=[Depends(refuse_parameters)]
)


@router.get("")
@requires(Scope.WRITE)
def show_secret(
    response: Response, services: ServicesDependency, tenant: TenantDependency
) -> WebhookSecretView:
    """Return the secret that verifies webhook signatures."""
    return _show(response, services.webhooks.secrets.get(tenant))


@router.post("/rotate")
@requires(Scope.WRITE)
def rotate_secret(
    response: Response, services: ServicesDependency, tenant: TenantDependency
) -> WebhookSecretView:
    """Create a new secret. The previous one keeps signing for a day."""
    return _show(response, services.webhooks.secrets.rotate(tenant))


def _show(response: Response, found: WebhookSecrets) -> WebhookSecretView:
    response.headers["Cache-Control"] = "no-store"
    return WebhookSecretView.of(found.secret, previous_until=found.previous_until)
