"""The requirements of a route on its callers, declared at the route.

The decorators mark endpoints, and `RouteTable` finds the rule of the route that the router will
choose. An endpoint without a mark requires `Scope.ADMIN`: an undeclared route is closed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from service.keys import Scope

_MARK = "__hiir_access__"
Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])


class Submits(StrEnum):
    """Kind of resource that a route creates; `AdmissionMiddleware` applies the tenant's quotas."""

    JOB = "job"
    IDENTIFIED_JOB = "identified-job"
    """A job under an id that the client chose: a repeated request finds the same job."""
    BATCH = "batch"
    IDENTIFIED_BATCH = "identified-batch"
    UPLOAD = "upload"
    """A presigned upload, which does not count as one of the tenant's jobs."""
    ANALYSIS = "analysis"
    """No resource: the request counts as a submission, but not as a job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRule:
    """The requirements of one route."""

    scope: Scope | None
    """Required scope; None for a public route, which reads no key and applies no quota."""
    submits: Submits | None = None


_UNDECLARED = AccessRule(scope=Scope.ADMIN)


def public(endpoint: Endpoint) -> Endpoint:
    """Declare that a route needs no key."""
    setattr(endpoint, _MARK, AccessRule(scope=None))
    return endpoint


def requires(scope: Scope, *, submits: Submits | None = None) -> Callable[[Endpoint], Endpoint]:
    """Declare the scope that a route requires, and the resource that it creates."""

    def declare(endpoint: Endpoint) -> Endpoint:
        setattr(endpoint, _MARK, AccessRule(scope=scope, submits=submits))
        return endpoint

    return declare


def rule_of(endpoint: object) -> AccessRule:
    """Return the declared rule of an endpoint; `Scope.ADMIN` if none is declared."""
    rule: AccessRule = getattr(endpoint, _MARK, _UNDECLARED)
    return rule
