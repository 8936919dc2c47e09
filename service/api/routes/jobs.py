"""Jobs: submit, follow, fetch, cancel."""

from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from service.api.dependencies import Services, ServicesDependency, refuse_parameters
from service.errors import (
    JobCanceled,
    JobNotFinished,
    JobNotFound,
    ResultExpired,
)
from service.jobs import Job, JobStatus
from service.schemas import JobView
from service.uploads import Upload, receive_upload, refuse_unknown

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

_PARAMETERS = ("task",)
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file", "task"],
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        "task": {"type": "string"},
                    },
                }
            },
            "image/*": {"schema": {"type": "string", "format": "binary"}},
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        },
    },
    "parameters": [
        {
            "name": "task",
            "in": "query",
            "schema": {"type": "string"},
            "description": "The task, for a body that is the image itself.",
        }
    ],
}


@router.post("", status_code=202, openapi_extra=_BODY)
async def submit_job(
    request: Request, response: Response, services: ServicesDependency
) -> JobView:
    """Queue one image: a form with `file` and `task`, or the image as body with `?task=`."""
    query = request.query_params.multi_items()
    refuse_unknown([name for name, _ in query], known=_PARAMETERS)
    await run_in_threadpool(_require_service, services, dict(query).get("task"))
    async with services.uploads.take():
        upload = await receive_upload(
            headers=request.headers,
            stream=request.stream(),
            limits=services.settings.limits,
            allowed_fields=_PARAMETERS,
            spool_dir=services.settings.spool_dir,
        )
        job, view = await run_in_threadpool(_accept, services, upload, query)
    response.headers["Location"] = view.urls.self
    response.headers["Retry-After"] = str(_retry_after(view))
    return view
