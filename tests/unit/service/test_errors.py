"""The tree of errors, held against its drawing in the module's docstring."""

import re

import pytest

from hiir import imaging
from hiir.imaging import ImagingError
from service import errors
from service.errors import (
    ClientError,
    CodecFailedError,
    DiskFullError,
    ImageError,
    JobFailedError,
    ModelOutputInvalidError,
    ProcessingError,
    ServiceError,
    UnavailableError,
    error_types,
    translate_imaging_error,
)

# They never come from an upload: a contract is read at the start, and a stop has its own outcome.
NOT_TRANSLATED = {"contract-invalid", "tiling-canceled"}


def drawn_tree():
    """Class name, its parent's name and the remark, in the order of the drawing."""
    ancestors = []
    for line in errors.__doc__.splitlines():
        found = re.fullmatch(r"((?:│   |    )*(?:[├└]── )?)([A-Z]\w+) {2,}(\S.*)", line)
        if found is None:
            continue
        depth = len(found[1]) // 4
        del ancestors[depth:]
        yield found[2], ancestors[-1] if ancestors else None, found[3]
        ancestors.append(found[2])


def classes(parent=ServiceError):
    yield parent
    for child in parent.__subclasses__():
        yield from classes(child)


DRAWN = {name: (parent, remark) for name, parent, remark in drawn_tree()}
LEAVES = [kind for kind in error_types() if kind is not ServiceError]


def test_the_drawing_shows_every_class_under_its_parent():
    real = {
        kind.__name__: kind.__base__.__name__ if kind is not ServiceError else None
        for kind in classes()
    }
    assert {name: parent for name, (parent, _) in DRAWN.items()} == real


def test_nothing_is_drawn_twice():
    names = [name for name, _, _ in drawn_tree()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("kind", LEAVES, ids=lambda kind: kind.__name__)
def test_the_drawing_tells_status_code_and_retryability(kind):
    parent, remark = DRAWN[kind.__name__]
    assert remark.startswith(f"{kind.status}")
    if kind is not JobFailedError:  # it carries the code of the job's own failure
        assert remark.split()[1] == kind.code
    inherited = "(retryable)" in DRAWN[parent][1]
    assert kind.retryable is (inherited or "(retryable)" in remark)


def test_codes_are_unique_and_kebab_case():
    codes = [kind.code for kind in error_types()]
    assert len(codes) == len(set(codes)) > 30
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", code) for code in codes)


def test_titles_are_unique_and_short():
    titles = [kind.title for kind in error_types()]
    assert len(titles) == len(set(titles))
    assert all(3 < len(title) < 60 and title[0].isupper() for title in titles)


def test_a_client_can_meet_the_leaves_and_the_root():
    kinds = list(error_types())
    assert kinds[0] is ServiceError
    assert all(not kind.__subclasses__() for kind in kinds[1:])
    assert len(kinds) == len(set(kinds))


@pytest.mark.parametrize(
    ("branch", "statuses", "retryable"),
    [(ClientError, range(400, 500), False), (UnavailableError, {503}, True)],
)
def test_a_branch_agrees_on_whose_fault_it_is(branch, statuses, retryable):
    for kind in classes(branch):
        assert kind.status in statuses
        assert kind.retryable is retryable


def test_a_refusal_for_now_says_when_to_come_back():
    for kind in classes(UnavailableError):
        assert isinstance(kind.retry_after, int)
        assert kind.retry_after > 0
    assert all(kind.retry_after is None for kind in classes(ClientError))


def test_how_a_job_can_end_is_never_the_clients_fault():
    assert {kind.status for kind in classes(ProcessingError)} == {500}


def test_an_error_carries_what_it_is_given():
    error = ServiceError("Too much.", limit=3, actual="four", errors=[{"name": "x"}])
    assert str(error) == error.detail == "Too much."
    assert (error.limit, error.actual, error.errors) == (3, "four", ({"name": "x"},))


def test_an_error_says_nothing_of_its_own():
    assert (ServiceError().detail, ServiceError().limit, ServiceError().errors) == ("", None, ())


def imaging_errors():
    return ImagingError.__subclasses__()


def test_every_error_of_imaging_is_known_here():
    assert len(imaging_errors()) == 16
    translated = {kind.code for kind in classes(ImageError) if not kind.__subclasses__()}
    translated |= {CodecFailedError.code, DiskFullError.code, ModelOutputInvalidError.code}
    assert translated | NOT_TRANSLATED == {kind.code for kind in imaging_errors()}


@pytest.mark.parametrize("kind", imaging_errors(), ids=lambda kind: kind.__name__)
def test_an_error_of_imaging_is_translated_code_for_code(kind):
    error = translate_imaging_error(kind("Eleven.", limit=10, actual=11))
    if kind.code in NOT_TRANSLATED:
        assert type(error) is ServiceError
        assert (error.detail, error.limit, error.actual) == ("", None, None)
        return
    assert error.code == kind.code
    assert type(error).__name__.removesuffix("Error") == kind.__name__.removesuffix("Error")
    assert (error.detail, error.limit, error.actual) == ("Eleven.", 10, 11)


def test_a_format_that_is_not_on_the_list_is_an_unsupported_media_type():
    error = translate_imaging_error(imaging.UnsupportedImageFormat("No."))
    assert error.status == 415


def test_a_failed_jobs_error_stands_for_its_own_failure():
    error = JobFailedError(
        "Gone.", code="worker-lost", title="Worker lost", retryable=True, limit=3
    )
    assert (error.code, error.title, error.retryable) == ("worker-lost", "Worker lost", True)
    assert (error.status, error.limit, error.actual) == (409, 3, None)
    assert (JobFailedError.code, JobFailedError.retryable) == ("job-failed", False)
