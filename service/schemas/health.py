"""Body of the readiness route."""

from service.schemas.view import View


class HealthView(View):
    """Readiness of the service and of each of its components."""

    ready: bool
    components: dict[str, str]
    """`ready`, or the reason why the component is not ready."""
