"""The OpenAPI document: FastAPI's own, corrected.

A response model gets the media type of its route in FastAPI's document, but problems have their
own. Authentication is added, because it happens before routing.
"""

from typing import Any

from fastapi import FastAPI

from service.api.access import PUBLIC
from service.api.errors import PROBLEM_TYPE

_SCHEMES = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key from `hiir keys create`. Reading requires the scope "
        "`jobs:read`, everything else `jobs:write`.",
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


def install_document(app: FastAPI) -> None:
    """Install the corrected document."""
    made_by_fastapi = app.openapi

    def openapi() -> dict[str, Any]:
        document = made_by_fastapi()  # cached by FastAPI
        document["components"]["securitySchemes"] = _SCHEMES
        document["security"] = [{name: []} for name in _SCHEMES]
        for path, operations in document["paths"].items():
            for operation in operations.values():
                if path in PUBLIC:
                    operation["security"] = []
                for response in operation["responses"].values():
                    response.setdefault("headers", {}).update(_document_limits(path))
                error = operation["responses"]["default"]
                error["content"] = {
                    PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}
                }
        return document

    app.openapi = openapi  # type: ignore[method-assign] # FastAPI's documented way


def _document_limits(path: str) -> dict[str, Any]:
    headers = _POLICY if path in PUBLIC else {**_POLICY, **_QUOTA}
    return {
        name: {"description": text, "schema": {"type": "string"}} for name, text in headers.items()
    }
