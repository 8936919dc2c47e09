"""Webhook deliveries of jobs and batches."""

from collections.abc import Sequence

from fastapi import APIRouter, Depends

from service.api.dependencies import ServicesDependency, TenantDependency, refuse_parameters
from service.api.route_access import requires
from service.api.services import Services
from service.errors import DeliveryNotFoundError
from service.keys import Scope
from service.webhooks.delivery import Delivery
from service.webhooks.views import DeliveryList, DeliveryView

router = APIRouter(prefix="/v1", tags=["webhooks"], dependencies=[Depends(refuse_parameters)])


@router.get("/jobs/{job_id}/deliveries")
@requires(Scope.READ)
def list_deliveries(
    job_id: str, services: ServicesDependency, tenant: TenantDependency
) -> DeliveryList:
    """List the webhook deliveries of a job, with every attempt."""
    return _list(_of_job(services, job_id, tenant))


@router.post("/jobs/{job_id}/deliveries/{delivery_id}/redeliver", status_code=202)
@requires(Scope.WRITE)
def redeliver(
    job_id: str, delivery_id: str, services: ServicesDependency, tenant: TenantDependency
) -> DeliveryView:
    """Send a delivery again, even if its address was disabled."""
    return _redeliver(services, delivery_id, _of_job(services, job_id, tenant))


@router.get("/batches/{batch_id}/deliveries")
@requires(Scope.READ)
def list_batch_deliveries(
    batch_id: str, services: ServicesDependency, tenant: TenantDependency
) -> DeliveryList:
    """List the deliveries of `batch.completed`, with every attempt."""
    return _list(_of_batch(services, batch_id, tenant))


@router.post("/batches/{batch_id}/deliveries/{delivery_id}/redeliver", status_code=202)
@requires(Scope.WRITE)
def redeliver_batch(
    batch_id: str, delivery_id: str, services: ServicesDependency, tenant: TenantDependency
) -> DeliveryView:
    """Send a delivery of a batch again, even if its address was disabled."""
    return _redeliver(services, delivery_id, _of_batch(services, batch_id, tenant))


def _of_job(services: Services, job_id: str, tenant: str) -> list[Delivery]:
    return services.webhooks.deliveries.of_job(services.jobs.find(job_id, tenant=tenant))


def _of_batch(services: Services, batch_id: str, tenant: str) -> list[Delivery]:
    return services.webhooks.deliveries.of_batch(services.batches.find(batch_id, tenant=tenant).id)


def _list(deliveries: Sequence[Delivery]) -> DeliveryList:
    return DeliveryList(deliveries=[DeliveryView.of(delivery) for delivery in deliveries])


def _redeliver(services: Services, wanted: str, known: Sequence[Delivery]) -> DeliveryView:
    delivery = next((delivery for delivery in known if delivery.id == wanted), None)
    if delivery is None:
        raise DeliveryNotFoundError("There is no delivery with this id.", actual=wanted[:100])
    services.webhooks.deliveries.renew(delivery)
    return DeliveryView.of(services.webhooks.deliveries.get(wanted) or delivery)
