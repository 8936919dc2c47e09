"""What a route requires of its callers, declared at the route.

The decorators mark endpoints, and `RouteTable` finds the rule of the route that the router would
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
    """What a route creates; `AdmissionMiddleware` applies the tenant's quotas to it."""

    JOB = "job"
    IDENTIFIED_JOB = "identified-job"
    """A job under the client's own id: a repeated request finds the same job."""
    BATCH = "batch"
    IDENTIFIED_BATCH = "identified-batch"
    UPLOAD = "upload"
    """A presigned upload, which takes no place among the tenant's jobs."""
    ANALYSIS = "analysis"
    """Nothing: the request counts as a submission, and not as a job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRule:
    """The requirements of one route."""

    scope: Scope | None
    """None for a public route: no key is read, no quota applies."""
    submits: Submits | None = None


_UNDECLARED = AccessRule(scope=Scope.ADMIN)


def public(endpoint: Endpoint) -> Endpoint:
    """Declare that a route needs no key."""
    setattr(endpoint, _MARK, AccessRule(scope=None))
    return endpoint


def requires(scope: Scope, *, submits: Submits | None = None) -> Callable[[Endpoint], Endpoint]:
    """Declare the scope that a route requires, and what it creates."""

    def declare(endpoint: Endpoint) -> Endpoint:
        setattr(endpoint, _MARK, AccessRule(scope=scope, submits=submits))
        return endpoint

    return declare


def rule_of(endpoint: object) -> AccessRule:
    """Return the declared rule of an endpoint, or `Scope.ADMIN` if it has none."""
    rule: AccessRule = getattr(endpoint, _MARK, _UNDECLARED)
    return rule
