from service.errors import EmptyImageError
from service.jobs.batch import Batch, BatchItem, BatchState, ItemStatus, item_job_id, retried_job_id
from service.jobs.job import Failure, JobStatus


def batch(*items):
    return Batch(id="b", tenant="open", created_at=1.5, expires_at=9.25, items=items)


REFUSED = BatchItem(filename="x", refusal=Failure.from_error(EmptyImageError("No bytes.")))


def test_a_batch_survives_the_store():
    made = batch(BatchItem(filename=None, job_id="a"), REFUSED)
    assert Batch.from_json(made.to_json()) == made
    assert made.job_ids() == ["a"]


def test_every_file_is_counted_once_where_it_stands(make_job):
    jobs = [make_job(status=status) for status in JobStatus]
    items = [BatchItem(filename="x", job_id=str(n)) for n in range(len(jobs) + 1)]
    state = BatchState(batch=batch(*items, REFUSED), jobs=(*jobs, None, None))
    assert state.counts == dict.fromkeys(ItemStatus, 1)
    assert not state.ended


def test_a_batch_has_ended_when_nothing_is_left_to_do(make_job):
    item = BatchItem(filename="x", job_id="a")
    for status in JobStatus:
        state = BatchState(batch=batch(item, REFUSED), jobs=(make_job(status=status), None))
        assert state.ended is status.is_terminal


def test_ids_repeat_for_the_same_and_differ_for_another(make_job):
    ids = [item_job_id(of, index) for of in ("a", "b") for index in range(3)]
    ids += [retried_job_id(make_job(id=job_id)) for job_id in ids]
    assert len(set(ids)) == len(ids)
    assert item_job_id("a", 0) == ids[0]
    assert all(len(job_id) == 32 for job_id in ids)
