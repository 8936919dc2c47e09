import json
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from hiir.imaging import ImageFormat
from service.catalogue.tasks import Task
from service.errors import ImageTooLarge, ServiceError, UnknownParameter, WorkerLost, error_types
from service.jobs.events import EventKind, JobEvent
from service.jobs.job import Failure, JobStatus, Progress, Stage
from service.limits import Limits
from service.schemas.job import (
    EventView,
    FailureView,
    HealthView,
    ImageView,
    JobView,
    ModelView,
    Problem,
    TaskView,
)


def test_a_new_job_shows_where_it_can_be_followed(make_job):
    view = JobView.of(make_job(), queue_position=3)
    here = f"/v1/jobs/{'a' * 32}"
    assert view.urls.model_dump() == {
        "self": here,
        "result": f"{here}/result",
        "events": f"{here}/events",
        "cancel": f"{here}/cancel",
        "deliveries": f"{here}/deliveries",
    }
    assert (view.status, view.queue_position, view.attempt) == (JobStatus.QUEUED, 3, 0)
    assert (view.output, view.error, view.started_at, view.finished_at) == (None,) * 4
    assert view.progress.model_dump() == {
        "stage": Stage.QUEUED,
        "tiles_done": 0,
        "tiles_total": 0,
        "percent": 0,
    }


def test_a_job_is_known_by_the_id_that_its_client_chose(make_job):
    view = JobView.of(make_job(client_id="holiday-17"), queue_position=None)
    assert (view.id, view.urls.self) == ("holiday-17", "/v1/jobs/holiday-17")
    assert "a" * 32 not in view.model_dump_json()


def test_an_event_shows_the_job_as_it_was():
    fields = {
        "kind": "completed",
        "status": "failed",
        "stage": "restore",
        "attempt": "3",
        "tiles_done": "1",
        "tiles_total": "4",
        "failure": Failure.from_error(WorkerLost("Gone.")).to_json(),
    }
    event = JobEvent.from_fields("5-0", fields)
    assert (event.id, event.kind) == ("5-0", EventKind.COMPLETED)
    view = EventView.of(event, job_id="x")
    assert (view.id, view.status, view.attempt) == ("x", JobStatus.FAILED, 3)
    assert (view.progress.percent, view.cancel_requested) == (25, False)
    assert view.error.code == "worker-lost"


def test_an_ended_job_shows_its_result_or_its_failure(make_job, make_image):
    job = make_job(
        status=JobStatus.FAILED,
        progress=Progress(stage=Stage.RESTORE, tiles_done=1, tiles_total=4),
        attempt=3,
        started_at=1_700_000_001.5,
        finished_at=1_700_000_002.0,
        timings={"decode": 0.5},
        result=make_image(width=1280),
        failure=Failure.from_error(WorkerLost("Gone.", limit=3)),
    )
    view = JobView.of(job, queue_position=None)
    assert view.error == FailureView(
        code="worker-lost",
        title="Worker lost",
        detail="Gone.",
        retryable=True,
        limit=3,
        actual=None,
    )
    assert view.output.width == 1280
    assert view.progress.percent == 25
    assert view.timings == {"decode": 0.5}
    assert view.queue_position is None


def test_times_are_shown_in_utc(make_job):
    view = JobView.of(make_job(started_at=1_700_000_001.5), queue_position=None)
    assert view.created_at == datetime(2023, 11, 14, 22, 13, 20, 250_000, tzinfo=UTC)
    shown = json.loads(view.model_dump_json())
    assert shown["created_at"] == "2023-11-14T22:13:20.250000Z"
    assert shown["started_at"] == "2023-11-14T22:13:21.500000Z"


def test_nothing_of_where_a_file_is_stored_is_shown(make_job, make_image):
    image = make_image()
    assert ImageView.of(image).model_dump() == {
        "format": "jpeg",
        "width": 640,
        "height": 480,
        "bytes": 1234,
        "sha256": "c" * 64,
    }
    assert image.blob.id not in JobView.of(make_job(), queue_position=0).model_dump_json()


def show_task(*contracts):
    task = Task(name="a-task", summary="Does it.", models=contracts)
    models = [ModelView.of(one, precision="fp32", pace=1.5) for one in contracts]
    return TaskView.of(task, Limits(), models=models)


def test_a_task_shows_its_models_and_the_limits_that_hold_for_it(make_contract):
    gray = make_contract(name="denoise-gray", input_channels=1, output_channels=1)
    view = show_task(make_contract(), gray)
    assert (view.name, view.parameters, view.scales, view.channels) == ("a-task", [], [1], [1, 3])
    assert (view.min_side, view.max_side, view.max_pixels) == (16, 16_384, {"1": 50_000_000})
    assert view.formats == [item.value for item in ImageFormat]
    model, other = view.models
    assert (model.name, model.version, model.sha256) == ("denoise-color", "1", gray.sha256)
    assert (model.tile, model.overlap, model.precision) == (16, 4, "fp32")
    assert (model.quality, model.seconds_per_megapixel) == ({"psnr": 30.4321}, 1.5)
    assert (other.input_channels, other.output_channels) == (1, 1)


def test_a_task_that_enlarges_asks_by_how_much_and_takes_what_its_result_allows(make_contract):
    view = show_task(make_contract(scale=4), make_contract(name="sr-x2", scale=2))
    assert view.scales == [2, 4]
    assert view.max_pixels == {"2": 25_000_000, "4": 6_250_000}
    (scale,) = view.parameters
    assert (scale.name, scale.values, scale.required) == ("scale", ["2", "4"], True)


def test_a_problem_is_the_public_part_of_an_error():
    error = ImageTooLarge("Too many pixels.", limit=10, actual=11)
    problem = Problem.of(error, instance="/v1/jobs", request_id="r1")
    assert problem.model_dump() == {
        "type": "/docs/errors#image-too-large",
        "title": "Image too large",
        "status": 422,
        "detail": "Too many pixels.",
        "instance": "/v1/jobs",
        "code": "image-too-large",
        "request_id": "r1",
        "retryable": False,
        "limit": 10,
        "actual": 11,
        "errors": [],
    }


def test_a_problem_lists_the_parameters_that_are_wrong():
    errors = [{"name": "sigma", "problem": "unknown"}]
    problem = Problem.of(UnknownParameter("No.", errors=errors), instance="/", request_id="")
    assert problem.errors == errors


@pytest.mark.parametrize(
    "kind",
    [kind for kind in error_types() if kind.__name__ != "JobFailed"],
    ids=lambda kind: kind.__name__,
)
def test_an_error_without_words_of_its_own_shows_its_title(kind):
    problem = Problem.of(kind(), instance="/", request_id="")
    assert problem.detail == problem.title == kind.title
    assert problem.status == kind.status


def test_an_uncaught_error_says_nothing_but_that_it_is_ours():
    problem = Problem.of(ServiceError(), instance="/v1/jobs", request_id="r1")
    assert (problem.status, problem.code) == (500, "internal-error")
    assert problem.detail == "Internal error"


def test_views_take_no_unknown_fields_and_cannot_be_changed():
    with pytest.raises(ValidationError, match="Extra inputs"):
        HealthView(ready=True, components={}, version="1")
    view = HealthView(ready=True, components={"redis": "ready"})
    with pytest.raises(ValidationError, match="frozen"):
        view.ready = False
