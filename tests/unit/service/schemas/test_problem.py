import pytest

from service.errors import ImageTooLargeError, ServiceError, UnknownParameterError, error_types
from service.schemas.problem import Problem


def test_a_problem_is_the_public_part_of_an_error():
    error = ImageTooLargeError("Too many pixels.", limit=10, actual=11)
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
    problem = Problem.of(UnknownParameterError("No.", errors=errors), instance="/", request_id="")
    assert problem.errors == errors


@pytest.mark.parametrize(
    "kind",
    [kind for kind in error_types() if kind.__name__ != "JobFailedError"],
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
