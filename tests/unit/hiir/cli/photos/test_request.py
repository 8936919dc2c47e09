"""What the options of the command ask of the API."""

import argparse
from dataclasses import replace

import pytest

from hiir.cli.photos.plan import PhotoPlanError
from hiir.cli.photos.request import RestoreRequest, add_parameters, read_request
from hiir_client.models import Model, Parameter, Task
from service.api.submission import PARAMETERS

MODEL = Model(
    name="sr-x2",
    version="1",
    sha256="a" * 64,
    architecture="columnar",
    precision="fp32",
    scale=2,
    input_channels=3,
    output_channels=3,
    tile=64,
    overlap=8,
    seconds_per_megapixel=1.5,
    quality={},
)
SCALE = Parameter(name="scale", values=("2", "3"), required=True, minimum=None, maximum=None)
TASK = Task(
    name="super-resolution",
    summary="Enlarges a photo.",
    parameters=(SCALE,),
    scales=(2, 3),
    channels=(3,),
    min_side=16,
    max_side=1000,
    max_pixels={"2": 1000},
    formats=("png",),
    models=(MODEL, replace(MODEL, name="sr-x3", sha256="b" * 64, seconds_per_megapixel=None)),
)
ANYTHING = replace(
    TASK,
    name="anything",
    parameters=tuple(
        replace(SCALE, name=name, required=False)
        for name in ("scale", "source", "noise_level", "pattern")
    ),
)
OTHER = replace(TASK, name="denoise", parameters=(), models=())


def read(
    *arguments: str, task: str | None = "super-resolution", tasks: str | None = None
) -> RestoreRequest:
    parser = argparse.ArgumentParser()
    add_parameters(parser)
    options = parser.parse_args(arguments)
    options.task, options.tasks = task, tasks
    return read_request(options, [TASK, OTHER, ANYTHING])


def test_strength_and_region_are_sent_for_every_task() -> None:
    request = read("--scale", "2", "--strength", "70", "--region", "10,20,30,40")
    assert request.fields == {"scale": "2", "strength": "70", "region": "10,20,30,40"}
    assert request.tiling == (64, 8)
    assert read("--strength", "5", task="denoise").fields == {"strength": "5"}


def test_several_tasks_are_sent_as_they_are_written() -> None:
    chain = "denoise:25,super-resolution:2"
    request = read("--strength", "70", task=None, tasks=chain)
    assert (request.task, request.fields) == (chain, {"strength": "70"})
    assert request.models == {"a" * 64, "b" * 64}
    with pytest.raises(PhotoPlanError, match="behind a colon"):
        read("--scale", "2", task=None, tasks=chain)
    with pytest.raises(PhotoPlanError, match="no task or model 'sharpen'"):
        read(task=None, tasks="denoise,sharpen")


@pytest.mark.parametrize("text", ["1,2,3", "a,0,5,5", "0,0,0,5", "-1,0,5,5"])
def test_a_region_that_is_none_is_refused_before_any_upload(text: str) -> None:
    with pytest.raises(PhotoPlanError, match="X,Y,W,H"):
        read("--scale", "2", f"--region={text}")


def test_each_option_is_a_parameter_of_the_api() -> None:
    parser = argparse.ArgumentParser()
    add_parameters(parser)
    given = {action.dest for action in parser._actions} - {"help", "parameter", "no_cache"}
    assert len(given) > 5
    assert given <= set(PARAMETERS)


def test_every_parameter_of_the_api_can_be_given() -> None:
    names = set(PARAMETERS) - {"task", "tasks"}
    request = read(*(f"--parameter={name}=1" for name in names), task="anything")
    assert set(request.fields) == names


def test_declining_cached_results_does_not_change_the_key_of_a_result() -> None:
    usual, fresh = read("--scale=2"), read("--scale=2", "--no-cache")
    assert (usual.no_cache, fresh.no_cache) == (False, True)
    assert usual.key(b"photo") == fresh.key(b"photo")


def test_priority_does_not_change_the_key_of_a_result() -> None:
    urgent, later = read("--scale=2"), read("--scale=2", "--priority=batch")
    assert (urgent.priority, later.priority) == (None, "batch")
    assert urgent.key(b"photo") == later.key(b"photo")


def test_a_request_knows_the_models_and_their_pace() -> None:
    request = read("--scale", "2")
    assert request.models == {"a" * 64, "b" * 64}
    assert request.megapixel_seconds == 1.5
    assert read("--scale", "2", task="sr-x2").models == {"a" * 64}


@pytest.mark.parametrize(
    ("arguments", "task", "reason"),
    [
        (
            (),
            "nonsense",
            "no task or model 'nonsense'; its tasks: super-resolution, denoise, anything",
        ),
        ((), "super-resolution", "needs --scale, one of 2, 3"),
        (("--scale", "2"), "denoise", "no parameter scale; it has: none"),
        (("--parameter", "scale"), "super-resolution", "NAME=VALUE, not 'scale'"),
        (("--scale=2", "--parameter=scale=3"), "super-resolution", "given twice"),
        (("--scale=2", "--parameter=task=denoise"), "super-resolution", "given twice"),
    ],
)
def test_what_the_service_would_refuse_is_refused(arguments, task, reason) -> None:
    with pytest.raises(PhotoPlanError, match=reason):
        read(*arguments, task=task)


def test_a_key_is_of_the_photo_and_all_that_is_asked_for() -> None:
    keys = {
        read("--scale", "2").key(b"a"),
        read("--scale", "3").key(b"a"),
        read("--scale", "2").key(b"b"),
        read("--scale", "2").key(b"a", b"right"),
        read("--scale", "2", "--format", "png").key(b"a"),
        read("--scale", "2", task="sr-x2").key(b"a"),
    }
    assert len(keys) == 6
    assert read("--scale", "2").key(b"a") in keys
