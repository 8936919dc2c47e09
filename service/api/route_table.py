"""Finds the route of a request exactly as the router will, before the router runs.

Admission, metrics, `HEAD`, `OPTIONS` and `Allow` all depend on it. The routes themselves do the
matching, so that a root path (`uvicorn --root-path`, or a mounted application) and encoded
characters have the same meaning everywhere.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from starlette.routing import BaseRoute, Match, Route
from starlette.types import Scope

from service.api.route_access import AccessRule, rule_of

_NO_ROUTE = "none"
_REMEMBERED = 256
"""Number of requests whose match is cached, since each looks up its route several times."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteMatch:
    """Result of matching a request."""

    label: str = _NO_ROUTE
    """Template of the path, for metrics; never text of the client."""
    rule: AccessRule | None = None
    """Rule of the route; None if no route has this path and method."""
    methods: frozenset[str] = frozenset()
    """Methods of the path, for `Allow`; empty if no route has this path."""


class RouteTable:
    """The routes of the application."""

    def __init__(self, routes: Iterable[BaseRoute]) -> None:
        self._routes = tuple(route for route in routes if isinstance(route, Route))
        self._remembered = lru_cache(_REMEMBERED)(self._find)

    @property
    def labels(self) -> frozenset[str]:
        """Every label that a match can have."""
        return frozenset({_NO_ROUTE, *(route.path for route in self._routes)})

    def find(self, scope: Scope) -> RouteMatch:
        """Return the route of a request; its path is matched as `canonical` writes it.

        `HEAD` finds the route of `GET`. `OPTIONS` finds a path, but never a rule.
        """
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        return self._remembered(method, canonical(scope)["path"], scope.get("root_path", ""))

    def _find(self, method: str, path: str, root_path: str) -> RouteMatch:
        wanted = {"type": "http", "method": method, "path": path, "root_path": root_path}
        label, rule, methods = _NO_ROUTE, None, set[str]()
        for route in self._routes:
            match, _ = route.matches(wanted)
            if match is Match.NONE:
                continue
            methods |= route.methods or set()
            if label == _NO_ROUTE or (match is Match.FULL and rule is None):
                label = route.path
            if match is Match.FULL and rule is None:
                rule = rule_of(route.endpoint)
        if "GET" in methods:
            methods.add("HEAD")
        if methods:
            methods.add("OPTIONS")
        return RouteMatch(label=label, rule=rule, methods=frozenset(methods))


def canonical(scope: Scope) -> Scope:
    """Return the request with its path free of trailing slashes.

    The router would answer such a path with a redirect: a client would send its image twice, and be
    counted twice.
    """
    path: str = scope["path"]
    return {**scope, "path": path.rstrip("/") or "/"} if path.endswith("/") else scope
