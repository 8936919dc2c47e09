"""The OpenAPI document: FastAPI's document with corrections.

FastAPI gives a response model the media type of its route, but problems have a different one.
Authentication is added, because it happens before routing.
"""

from typing import Any

from fastapi import FastAPI

from service.api.errors import PROBLEM_TYPE
from service.api.route_table import RouteTable
from service.keys import Scope

_SCHEMES = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key from `hiir keys create`. Each operation names the scope "
        "that it requires.",
    },
    "key": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "The same API key.",
    },
}


_POLICY = {
    "RateLimit-Policy": "Quotas of a tenant: submissions, jobs at once, megapixels a day.",
}
_QUOTA = {
    "RateLimit": "The remaining quota (`r`), and the seconds until it is full again (`t`).",
    "RateLimit-Limit": "Size of the submission bucket.",
    "RateLimit-Remaining": "Submissions left in the bucket.",
    "RateLimit-Reset": "Seconds until the bucket is full.",
}


def install_document(app: FastAPI, routes: RouteTable) -> None:
    """Install the corrected document; `routes` provides the scope of each operation."""
    made_by_fastapi = app.openapi

    def openapi() -> dict[str, Any]:
        document = made_by_fastapi()  # cached by FastAPI
        document["components"]["securitySchemes"] = _SCHEMES
        document["security"] = [{name: []} for name in _SCHEMES]
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                wanted = _scope_of(routes, method, path)
                if wanted is None:
                    operation["security"] = []
                else:
                    operation["x-required-scope"] = wanted.value
                for response in operation["responses"].values():
                    response.setdefault("headers", {}).update(_document_limits(wanted))
                error = operation["responses"]["default"]
                (problem,) = error["content"].values()
                error["content"] = {PROBLEM_TYPE: problem}
        return document

    app.openapi = openapi  # type: ignore[method-assign] # FastAPI's documented way


def _scope_of(routes: RouteTable, method: str, path: str) -> Scope | None:
    rule = routes.find({"type": "http", "method": method.upper(), "path": path}).rule
    return Scope.ADMIN if rule is None else rule.scope


def _document_limits(wanted: Scope | None) -> dict[str, Any]:
    headers = _POLICY if wanted is None else {**_POLICY, **_QUOTA}
    return {
        name: {"description": text, "schema": {"type": "string"}} for name, text in headers.items()
    }
