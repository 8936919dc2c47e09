import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import ImageCorruptError, ResultTooLargeError, WorkerLostError
from service.jobs.job import (
    TRANSITIONS,
    Failure,
    Job,
    JobStatus,
    Outcome,
    Progress,
    Stage,
    derive_job_id,
)
from service.jobs.stored_image import Blob, StoredImage

text = st.text(max_size=40)
values = st.none() | st.integers() | text
TERMINAL = {JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELED}


def test_every_status_has_its_transitions():
    assert set(TRANSITIONS) == set(JobStatus)


def test_a_job_ends_exactly_once():
    assert {status for status in JobStatus if status.is_terminal} == TERMINAL
    assert all(not TRANSITIONS[status] for status in TERMINAL)


def test_a_waiting_job_succeeds_only_by_running():
    assert TRANSITIONS[JobStatus.QUEUED] == {
        JobStatus.RUNNING,
        JobStatus.FAILED,
        JobStatus.CANCELED,
    }


def test_a_running_job_may_end_in_any_way_or_wait_again():
    assert TRANSITIONS[JobStatus.RUNNING] == {*TERMINAL, JobStatus.QUEUED}


def test_from_every_status_an_end_can_be_reached():
    reached = set(TERMINAL)
    for _ in JobStatus:
        reached |= {status for status in JobStatus if TRANSITIONS[status] & reached}
    assert reached == set(JobStatus)


def test_the_table_of_transitions_cannot_be_changed():
    with pytest.raises(TypeError):
        TRANSITIONS[JobStatus.FAILED] = frozenset(JobStatus)


@given(
    st.builds(
        StoredImage,
        blob=st.builds(Blob, id=text, size=st.integers(0), sha256=text),
        format=text,
        media_type=text,
        extension=text,
        width=st.integers(1),
        height=st.integers(1),
    )
)
def test_a_stored_image_survives_its_json(image):
    assert StoredImage.from_json(image.to_json()) == image


@given(
    st.builds(
        Failure,
        code=text,
        title=text,
        detail=text,
        retryable=st.booleans(),
        limit=values,
        actual=values,
    )
)
def test_a_failure_survives_its_json_and_its_error(failure):
    assert Failure.from_json(failure.to_json()) == failure
    error = failure.to_error()
    assert error.status == 409
    assert Failure.from_error(error) == failure


def test_a_failure_is_the_public_part_of_an_error():
    failure = Failure.from_error(ResultTooLargeError("Too many bytes.", limit=10, actual=11))
    assert failure == Failure(
        code="result-too-large",
        title="Result too large",
        detail="Too many bytes.",
        retryable=False,
        limit=10,
        actual=11,
    )
    assert Failure.from_error(WorkerLostError()).retryable


@pytest.mark.parametrize("filename", [None, "grand-mère.jpg", 'a "quoted" name', "null", ""])
def test_a_new_job_survives_its_record(make_job, filename):
    job = make_job(filename=filename)
    record = job.to_fields()
    assert all(isinstance(value, str) for value in record.values())
    assert Job.from_fields(record) == job


def test_a_job_with_an_id_of_its_clients_survives_its_record(make_job):
    job = make_job(tenant="a", client_id="x", fingerprint="f")
    assert Job.from_fields(job.to_fields()) == job
    assert (job.public_id, make_job().public_id) == ("x", "a" * 32)


def test_tenants_may_choose_the_same_id():
    assert derive_job_id("a", "x") == derive_job_id("a", "x") != derive_job_id("b", "x")
    assert len(derive_job_id("a", "x")) == 32


def test_times_are_kept_to_the_last_bit(make_job):
    job = make_job(created_at=1_712_345_678.123456, expires_at=0.1 + 0.2)
    again = Job.from_fields(job.to_fields())
    assert (again.created_at, again.expires_at) == (job.created_at, job.expires_at)


def test_what_the_store_adds_to_a_record_is_read(make_job, make_image):
    failure = Failure.from_error(ImageCorruptError("Damaged."))
    record = make_job().to_fields() | {
        "status": "failed",
        "stage": "decode",
        "tiles_done": "3",
        "tiles_total": "8",
        "attempt": "2",
        "cancel_requested": "1",
        "purged": "1",
        "started_at": "1700000001.5",
        "finished_at": "1700000002.5",
        "timings": json.dumps({"decode": 0.25}),
        "result": make_image(width=1).to_json(),
        "failure": failure.to_json(),
        "queued_at": "a field that only scripts use",
    }
    job = Job.from_fields(record)
    assert job.status is JobStatus.FAILED
    assert job.progress == Progress(stage=Stage.DECODE, tiles_done=3, tiles_total=8)
    assert (job.attempt, job.cancel_requested, job.purged) == (2, True, True)
    assert (job.started_at, job.finished_at) == (1700000001.5, 1700000002.5)
    assert job.timings == {"decode": 0.25}
    assert job.result == make_image(width=1)
    assert job.failure == failure


def test_a_record_with_a_status_that_does_not_exist_is_refused(make_job):
    with pytest.raises(ValueError, match="paused"):
        Job.from_fields(make_job().to_fields() | {"status": "paused"})


def test_a_record_without_a_required_field_is_refused(make_job):
    record = make_job().to_fields()
    del record["source"]
    with pytest.raises(KeyError, match="source"):
        Job.from_fields(record)


def test_a_job_cannot_be_changed(make_job):
    with pytest.raises(dataclasses.FrozenInstanceError):
        make_job().status = JobStatus.SUCCEEDED


def outcome(**changes):
    return Outcome(**{"status": JobStatus.SUCCEEDED, "timings": {"restore": 1.5}} | changes)


def test_a_success_writes_the_result_and_the_last_stage(make_job, make_image):
    fields = outcome(
        result=make_image(), progress=Progress(tiles_total=12, tile_columns=4)
    ).to_fields()
    job = Job.from_fields(make_job().to_fields() | fields | {"status": "succeeded"})
    assert job.result == make_image()
    assert job.progress.stage is Stage.DONE
    assert (job.progress.tiles_done, job.progress.tiles_total) == (12, 12)
    assert (job.progress.tile_columns, job.progress.tile_rows) == (4, 3)
    assert job.progress.percent == 100
    assert job.timings == {"restore": 1.5}


def test_a_failure_leaves_the_stage_at_which_it_happened(make_job):
    failure = Failure.from_error(ImageCorruptError("Damaged."))
    fields = outcome(status=JobStatus.FAILED, failure=failure).to_fields()
    assert "stage" not in fields
    assert Job.from_fields(make_job().to_fields() | fields).failure == failure


def test_a_job_is_named_after_the_model_that_really_restored_it(make_job, make_step):
    steps = (make_step(model_version="2", model_sha256="e" * 64), make_step(task="denoise"))
    fields = outcome(steps=steps).to_fields()
    assert Job.from_fields(make_job().to_fields() | fields).steps == steps
    assert (fields["model_version"], fields["model_sha256"]) == ("2", "e" * 64)
    assert "steps" not in outcome().to_fields()


def test_steps_survive_the_record_of_a_job_and_so_does_a_job_without_any(make_job, make_step):
    denoise = make_step(task="denoise", parameters={"noise_level": "25"})
    job = make_job(task="chain", steps=(make_step(), denoise), restored_pixels=2 * 640 * 480)
    assert Job.from_fields(job.to_fields()) == job
    assert job.pixels == 2 * 640 * 480
    unchanged = make_job(task="auto", steps=())
    assert Job.from_fields(unchanged.to_fields()) == unchanged
    assert unchanged.to_fields()["model_sha256"] == ""


def test_a_record_of_the_previous_release_has_one_step(make_job, make_step):
    step = make_step(parameters={"noise_level": "25"})
    fields = make_job(steps=(step,)).to_fields()
    del fields["steps"]
    assert Job.from_fields(fields).steps == (step,)


@pytest.mark.parametrize(
    ("progress", "percent"),
    [
        (Progress(), 0),
        (Progress(stage=Stage.RESTORE, tiles_done=0, tiles_total=8), 0),
        (Progress(stage=Stage.RESTORE, tiles_done=1, tiles_total=3), 33),
        (Progress(stage=Stage.RESTORE, tiles_done=8, tiles_total=8), 99),
        (Progress(stage=Stage.STORE, tiles_done=8, tiles_total=8), 99),
        (Progress(stage=Stage.DONE, tiles_done=8, tiles_total=8), 100),
        (Progress(stage=Stage.DONE), 100),
    ],
)
def test_a_hundred_percent_is_a_stored_result(progress, percent):
    assert progress.percent == percent


def test_the_percentage_never_falls_on_the_way():
    steps = [Progress(stage=Stage.RESTORE, tiles_done=n, tiles_total=7) for n in range(8)]
    steps += [Progress(stage=stage, tiles_done=7, tiles_total=7) for stage in list(Stage)[3:]]
    percents = [step.percent for step in steps]
    assert percents == sorted(percents)
