import json
from datetime import UTC, datetime

from service.errors import WorkerLostError
from service.jobs.job import Failure, JobStatus, Progress, Stage
from service.schemas.job import FailureView, ImageView, JobView


def test_a_new_job_shows_where_it_can_be_followed(make_job):
    view = JobView.of(make_job(), queue_position=3)
    here = f"/v1/jobs/{'a' * 32}"
    assert view.urls.model_dump() == {
        "self": here,
        "result": f"{here}/result",
        "preview": f"{here}/preview",
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
        "tile_grid": None,
        "percent": 0,
    }


def test_a_job_is_known_by_the_id_that_its_client_chose(make_job):
    view = JobView.of(make_job(client_id="holiday-17"), queue_position=None)
    assert (view.id, view.urls.self) == ("holiday-17", "/v1/jobs/holiday-17")
    assert "a" * 32 not in view.model_dump_json()


def test_an_ended_job_shows_its_result_or_its_failure(make_job, make_image):
    job = make_job(
        status=JobStatus.FAILED,
        progress=Progress(stage=Stage.RESTORE, tiles_done=1, tiles_total=4),
        attempt=3,
        started_at=1_700_000_001.5,
        finished_at=1_700_000_002.0,
        timings={"decode": 0.5},
        result=make_image(width=1280),
        failure=Failure.from_error(WorkerLostError("Gone.", limit=3)),
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
