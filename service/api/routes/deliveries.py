"""Webhook deliveries of a job."""

from fastapi import APIRouter, Depends

from service.api.dependencies import ServicesDependency, TenantDependency, refuse_parameters
from service.api.route_access import requires
from service.errors import DeliveryNotFoundError
from service.keys import Scope
from service.webhooks.views import DeliveryList, DeliveryView

router = APIRouter(
    prefix="/v1/jobs/{job_id}/deliveries",
    tags=["webhooks"],
    dependencies=[Depends(refuse_parameters)],
)


@router.get("")
@requires(Scope.READ)
def list_deliveries(
    job_id: str, services: ServicesDependency, tenant: TenantDependency
) -> DeliveryList:
    """List the webhook deliveries of a job, with every attempt."""
    job = services.jobs.find(job_id, tenant=tenant)
    found = services.webhooks.deliveries.of_job(job)
    return DeliveryList(deliveries=[DeliveryView.of(delivery) for delivery in found])


@router.post("/{delivery_id}/redeliver", status_code=202)
@requires(Scope.WRITE)
def redeliver(
    job_id: str, delivery_id: str, services: ServicesDependency, tenant: TenantDependency
) -> DeliveryView:
    """Send a delivery again, even if its address was disabled."""
    job = services.jobs.find(job_id, tenant=tenant)
    known = {delivery.id: delivery for delivery in services.webhooks.deliveries.of_job(job)}
    delivery = known.get(delivery_id)
    if delivery is None:
        raise DeliveryNotFoundError(
            "The job has no delivery with this id.", actual=delivery_id[:100]
        )
    services.webhooks.deliveries.renew(delivery)
    return DeliveryView.of(services.webhooks.deliveries.get(delivery_id) or delivery)
