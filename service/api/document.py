"""The OpenAPI document, as FastAPI makes it, with the one thing put right that it gets wrong.

FastAPI gives a response's model the media type of the route's own answers; a problem has another.
"""

from typing import Any

from fastapi import FastAPI

from service.api.errors import PROBLEM_TYPE


def install_document(app: FastAPI) -> None:
    """Let the application describe its errors as they are."""
    made_by_fastapi = app.openapi

    def openapi() -> dict[str, Any]:
        document = made_by_fastapi()  # the same one at each call
        for path in document["paths"].values():
            for operation in path.values():
                error = operation["responses"]["default"]
                error["content"] = {
                    PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}
                }
        return document

    app.openapi = openapi  # type: ignore[method-assign] # FastAPI's documented way
