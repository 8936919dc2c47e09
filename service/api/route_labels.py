"""Labels of routes for metrics: the template of the path, never the client's text."""

from collections.abc import Iterable

from starlette.routing import BaseRoute, Route

_NONE = "none"


class RouteLabels:
    """Knows the path templates of all routes."""

    def __init__(self, routes: Iterable[BaseRoute]) -> None:
        self._routes = tuple(route for route in routes if isinstance(route, Route))

    def of(self, path: str) -> str:
        """Return the template of a path, even for a request that never reached its route."""
        for route in self._routes:
            if route.path_regex.match(path):
                return route.path
        return _NONE
