"""Whether the service is ready."""

from service.schemas.view import View


class HealthView(View):
    """Whether the service can do jobs now, and what keeps it from it."""

    ready: bool
    components: dict[str, str]
    """`ready`, or what is wrong."""
