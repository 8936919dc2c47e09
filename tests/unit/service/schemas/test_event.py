from service.errors import WorkerLostError
from service.jobs.events import EventKind, JobEvent
from service.jobs.job import Failure, JobStatus
from service.schemas.event import EventView


def test_an_event_shows_the_job_as_it_was():
    fields = {
        "kind": "completed",
        "status": "failed",
        "stage": "restore",
        "attempt": "3",
        "tiles_done": "1",
        "tiles_total": "4",
        "failure": Failure.from_error(WorkerLostError("Gone.")).to_json(),
    }
    event = JobEvent.from_fields("5-0", fields)
    assert (event.id, event.kind) == ("5-0", EventKind.COMPLETED)
    view = EventView.of(event, job_id="x")
    assert (view.id, view.status, view.attempt) == ("x", JobStatus.FAILED, 3)
    assert (view.progress.percent, view.cancel_requested) == (25, False)
    assert view.error.code == "worker-lost"
