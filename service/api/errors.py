"""Converts every error, including those of the framework, to a problem document (RFC 9457)."""

from collections.abc import Mapping

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from hiir.imaging import DISK_FULL_ERRNOS
from service.errors import (
    AccessDeniedError,
    BodyTooLargeError,
    DiskFullError,
    InvalidRequestError,
    MethodNotAllowedError,
    NotFoundError,
    RangeNotSatisfiableError,
    ServiceError,
    UnsupportedMediaTypeError,
)
from service.observability.logs import current_request_id
from service.schemas.inference import InferenceProblem
from service.schemas.problem import Problem
from service.schemas.view import to_path

PROBLEM_TYPE = "application/problem+json"
_INFERENCE = "/v2/"
"""Prefix of the routes of the Open Inference Protocol."""

_BY_STATUS: Mapping[int, type[ServiceError]] = {
    kind.status: kind
    for kind in (NotFoundError, MethodNotAllowedError, BodyTooLargeError, UnsupportedMediaTypeError)
}


def problem_response(
    error: ServiceError, *, instance: str, headers: Mapping[str, str] | None = None
) -> Response:
    """Return the problem document of `error` for the request to path `instance`."""
    extra = dict(headers or {})
    if error.retry_after is not None:
        extra["Retry-After"] = str(error.retry_after)
    if isinstance(error, AccessDeniedError) and error.challenge is not None:
        extra["WWW-Authenticate"] = error.challenge
    if isinstance(error, RangeNotSatisfiableError):
        extra["Content-Range"] = f"bytes */{error.limit}"
    schema = InferenceProblem if f"{instance}/".startswith(to_path(_INFERENCE)) else Problem
    problem = schema.of(error, instance=instance, request_id=current_request_id() or "")
    return JSONResponse(
        problem.model_dump(), status_code=error.status, headers=extra, media_type=PROBLEM_TYPE
    )


def install_error_handlers(app: FastAPI) -> None:
    """Register the handlers; `RequestContext` handles all other exceptions."""
    app.add_exception_handler(ServiceError, _on_service_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(OSError, _on_os_error)


def _on_service_error(request: Request, error: Exception) -> Response:
    known = error if isinstance(error, ServiceError) else ServiceError()
    return problem_response(known, instance=request.url.path)


def _on_os_error(request: Request, error: Exception) -> Response:
    """Answer for an upload that exceeds the disk space; any other error is internal."""
    if not isinstance(error, OSError) or error.errno not in DISK_FULL_ERRNOS:
        raise error
    full = DiskFullError("There is no disk space left for uploads; try again later.")
    return problem_response(full, instance=request.url.path, headers={"Connection": "close"})


def _on_http_exception(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        return _on_service_error(request, error)
    kind = _BY_STATUS.get(error.status_code)
    if kind is None:
        kind = InvalidRequestError if 400 <= error.status_code < 500 else ServiceError
    return problem_response(kind(), instance=request.url.path, headers=error.headers)


def _on_validation_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        return _on_service_error(request, error)
    found = [
        {"name": ".".join(str(part) for part in item["loc"]), "problem": str(item["msg"])}
        for item in error.errors()
    ]
    refused = InvalidRequestError("The request has invalid parameters.", errors=found)
    return problem_response(refused, instance=request.url.path)
