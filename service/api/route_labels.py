"""A request's path as a metric may call it: its route's template, never what a client sent."""

from collections.abc import Iterable

from starlette.routing import BaseRoute, Route

_NONE = "none"


class RouteLabels:
    """Knows the templates of the application's routes."""

    def __init__(self, routes: Iterable[BaseRoute]) -> None:
        self._routes = tuple(route for route in routes if isinstance(route, Route))

    def of(self, path: str) -> str:
        """The template that a path follows; also for a request that never came to its route."""
        for route in self._routes:
            if route.path_regex.match(path):
                return route.path
        return _NONE
