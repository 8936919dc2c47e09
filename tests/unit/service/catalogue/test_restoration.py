import pytest

from hiir.imaging import Suggestion
from service.catalogue.models import ModelCatalogue
from service.catalogue.restoration import read_restoration
from service.catalogue.tasks import TaskCatalogue
from service.errors import (
    InvalidParameterError,
    MissingParameterError,
    MissingTaskError,
    UnknownParameterError,
    UnknownTaskError,
)


@pytest.fixture
def tasks(make_contract) -> TaskCatalogue:
    return TaskCatalogue(
        ModelCatalogue(
            [
                make_contract(name="denoise-color", input_channels=4, noise_level=True),
                make_contract(name="jpeg-color", task="jpeg-color"),
                make_contract(name="sr-x2", task="sr-x2", scale=2),
                make_contract(name="sr-x4", task="sr-x4", scale=4),
                make_contract(name="demosaic", task="demosaic"),
            ]
        )
    )


def steps_of(restoration):
    return [(step.task.name, dict(step.parameters)) for step in restoration.steps]


def test_one_task_is_one_step(tasks):
    found = read_restoration(tasks, {"task": "denoise", "noise_level": "25", "format": "png"})
    assert (found.name, steps_of(found)) == ("denoise", [("denoise", {"noise_level": "25"})])
    assert found == read_restoration(tasks, {"tasks": "denoise:25"})


def test_a_chain_has_steps_in_order_each_with_its_value(tasks):
    found = read_restoration(tasks, {"tasks": "jpeg-artifacts, denoise:25,super-resolution:2"})
    assert found.name == "chain"
    assert steps_of(found) == [
        ("jpeg-artifacts", {}),
        ("denoise", {"noise_level": "25"}),
        ("super-resolution", {"scale": "2"}),
    ]
    assert (found.scale, found.is_auto, found.takes_mosaics) == (2, False, False)
    twice = read_restoration(tasks, {"tasks": "demosaic:RGGB,super-resolution:4,sr-x2"})
    assert (twice.scale, twice.takes_mosaics) == (8, True)


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({}, MissingTaskError),
        ({"tasks": ""}, MissingTaskError),
        ({"tasks": "denoise,"}, MissingTaskError),
        ({"tasks": "denoise,sharpen"}, UnknownTaskError),
        ({"tasks": "denoise:99"}, InvalidParameterError),
        ({"tasks": "denoise:"}, InvalidParameterError),
        ({"tasks": "jpeg-artifacts:10"}, InvalidParameterError),
        ({"tasks": "denoise,super-resolution"}, MissingParameterError),
        ({"tasks": "denoise,demosaic"}, InvalidParameterError),
        ({"tasks": "denoise,auto"}, InvalidParameterError),
        ({"tasks": "auto"}, InvalidParameterError),
        ({"tasks": ",".join(["denoise"] * 5)}, InvalidParameterError),
        ({"tasks": "denoise", "task": "denoise"}, InvalidParameterError),
        ({"tasks": "denoise", "noise_level": "5"}, InvalidParameterError),
        ({"task": "auto", "noise_level": "5"}, UnknownParameterError),
    ],
)
def test_what_cannot_be_done_is_refused(tasks, given, error):
    with pytest.raises(error):
        read_restoration(tasks, given)


def test_auto_has_the_steps_that_are_suggested(tasks):
    auto = read_restoration(tasks, {"task": "auto"})
    assert (auto.name, auto.is_auto, auto.steps) == ("auto", True, ())
    both = auto.following([Suggestion.JPEG_ARTIFACTS, Suggestion.DENOISE])
    assert [name for name, _ in steps_of(both)] == ["jpeg-artifacts", "denoise"]
    assert (both.name, both.is_auto) == ("auto", False)
    assert auto.following([]).steps == ()


def test_auto_suggests_only_what_is_served(make_contract):
    tasks = TaskCatalogue(ModelCatalogue([make_contract(name="denoise-color")]))
    auto = read_restoration(tasks, {"task": "auto"})
    assert steps_of(auto.following(list(Suggestion))) == [("denoise", {})]
    assert "auto" in tasks.names
    other = TaskCatalogue(ModelCatalogue([make_contract(name="sr-x2", task="sr-x2", scale=2)]))
    assert "auto" not in other.names
    with pytest.raises(UnknownTaskError):
        read_restoration(other, {"task": "auto"})
