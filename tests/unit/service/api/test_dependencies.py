"""FastAPI calls a plain function in a thread, which takes longer than a dependency does."""

import inspect
from collections.abc import Iterator

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from service.api.routes import batches, errors, events, jobs, keys, links, results, tasks

MODULES = (batches, errors, events, jobs, keys, links, results, tasks)


def calls(dependant: Dependant) -> Iterator[object]:
    for one in dependant.dependencies:
        yield one.call
        yield from calls(one)


def test_no_dependency_of_a_route_takes_a_thread() -> None:
    routes = [route for module in MODULES for route in module.router.routes]
    used = {
        call for route in routes if isinstance(route, APIRoute) for call in calls(route.dependant)
    }
    assert len(used) >= 4
    assert [call for call in used if not inspect.iscoroutinefunction(call)] == []
