"""The Open Inference Protocol (KServe v2): each task is a model from an image to an image.

A request becomes a job like any other. Nothing is passed to Triton as it comes, and none of its
control surface (model repository, shared memory, traces, log settings) exists here.
"""

import base64
import json
import struct
from collections.abc import Iterable, Iterator

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from service.api.dependencies import ServicesDependency, TenantDependency, refuse_parameters
from service.api.inference_openapi import INFERENCE
from service.api.route_access import Submits, public, requires
from service.api.routes.jobs import wait_for_submission
from service.api.routes.results import result_of
from service.api.services import Services
from service.api.stored_file import file_response
from service.api.submission import submit_inference
from service.catalogue.tasks import Task
from service.errors import JobNotFinishedError, ResultExpiredError
from service.intake.inference_request import IMAGE, IMAGE_RIGHT, JSON_LENGTH
from service.jobs.job import Job
from service.keys import Scope
from service.schemas.inference import (
    InferenceProblem,
    InferenceResponse,
    ModelMetadata,
    OutputTensor,
    ServerMetadata,
    TensorMetadata,
)

router = APIRouter(
    prefix="/v2",
    tags=["inference"],
    dependencies=[Depends(refuse_parameters)],
    responses={
        "default": {"model": InferenceProblem, "description": "Problem details (RFC 9457)."}
    },
)

_VIEWS_CHANNELS = 6
_LENGTH = struct.Struct("<I")


@router.get("/health/live", response_class=Response)
@public
async def inference_live() -> Response:
    """Return 200 while the process is alive."""
    return Response()


@router.get("/health/ready", response_class=Response)
@public
def inference_ready(services: ServicesDependency) -> Response:
    """Return 200 if jobs can run, and 503 otherwise."""
    is_ready = services.readiness.report().ready and not services.drain.is_draining
    return Response(status_code=200 if is_ready else 503)


@router.get("")
@requires(Scope.READ)
async def inference_server() -> ServerMetadata:
    """Describe the service as an inference server."""
    return ServerMetadata(name="hiir", version="1", extensions=["binary_tensor_data"])


@router.get("/models/{task}")
@requires(Scope.READ)
def inference_model(task: str, services: ServicesDependency) -> ModelMetadata:
    """Describe a task as a model: `GET /v1/tasks` has its parameters."""
    found = _find(services, task)
    inputs = [IMAGE]
    if any(model.image_channels == _VIEWS_CHANNELS for model in found.models):
        inputs.append(IMAGE_RIGHT)
    return ModelMetadata(
        name=found.name,
        versions=sorted({model.version for model in found.models}),
        platform="hiir",
        inputs=[TensorMetadata(name=name, datatype="BYTES", shape=[1]) for name in inputs],
        outputs=[TensorMetadata(name=IMAGE, datatype="BYTES", shape=[1])],
    )


@router.get("/models/{task}/ready", response_class=Response)
@requires(Scope.READ)
def inference_model_ready(task: str, services: ServicesDependency) -> Response:
    """Return 200 if jobs of a task can run, and 503 otherwise."""
    _find(services, task)
    return inference_ready(services)


@router.post("/models/{task}/infer", response_model=InferenceResponse, **INFERENCE)
@requires(Scope.WRITE, submits=Submits.JOB)
async def infer(
    task: str, request: Request, services: ServicesDependency, tenant: TenantDependency
) -> Response:
    """Restore an image, and wait for the result."""
    await run_in_threadpool(_find, services, task)
    made, header = await submit_inference(request, services, tenant=tenant, task=task)
    seconds = services.settings.limits.wait_seconds
    job = await wait_for_submission(request, services, made, seconds=seconds)
    if job is None:
        raise JobNotFinishedError(
            f"The job has not ended after {seconds} seconds and continues: follow it at "
            f"{made.view.urls.self}. With an Idempotency-Key this request could be repeated.",
            limit=seconds,
            actual=made.view.id,
        )
    headers = {} if made.cache_status is None else {"Cache-Status": made.cache_status}
    return await run_in_threadpool(
        _response,
        services,
        job,
        task=task,
        request_id=header.id,
        is_binary=header.wants_binary,
        headers=headers,
    )


def _find(services: Services, task: str) -> Task:
    """Return a task.

    Raises:
        UnknownTaskError: if there is no such task.
    """
    return services.catalogue.tasks.find(task)


def _response(
    services: Services,
    job: Job,
    *,
    task: str,
    request_id: str,
    is_binary: bool,
    headers: dict[str, str],
) -> Response:
    result = result_of(job, now=services.jobs.store.now())
    pieces = services.jobs.blobs.open(result.blob)
    if pieces is None:
        raise ResultExpiredError("The result was deleted or has expired.")
    size = result.blob.size
    parameters: dict[str, int | str] = {"content_type": "base64"}
    if is_binary:
        parameters = {"binary_data_size": _LENGTH.size + size}
    data = None if is_binary else [base64.b64encode(b"".join(pieces)).decode()]
    content = InferenceResponse(
        model_name=task,
        model_version=",".join(step.model_version for step in job.steps),
        id=request_id,
        parameters={
            "job_id": job.public_id,
            "media_type": result.media_type,
            "sha256": result.blob.sha256,
            "cached": job.cached,
        },
        outputs=[
            OutputTensor(name=IMAGE, datatype="BYTES", shape=[1], parameters=parameters, data=data)
        ],
    ).model_dump(mode="json", exclude_none=True)
    if not is_binary:
        return JSONResponse(content, headers=headers)
    head = json.dumps(content).encode()
    return file_response(
        _framed(head, pieces, size),
        size=len(head) + _LENGTH.size + size,
        threads=services.threads,
        media_type="application/octet-stream",
        headers={**headers, JSON_LENGTH: str(len(head))},
    )


def _framed(head: bytes, pieces: Iterable[bytes], size: int) -> Iterator[bytes]:
    yield head + _LENGTH.pack(size)
    yield from pieces
