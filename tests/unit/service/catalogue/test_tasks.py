import pytest

from hiir.imaging import BayerPattern
from service.catalogue.models import ModelCatalogue
from service.catalogue.tasks import TaskCatalogue
from service.errors import (
    InvalidParameterError,
    MissingParameterError,
    MissingTaskError,
    NoModelForImageError,
    UnknownParameterError,
    UnknownTaskError,
)

SHIPPED = {
    "denoise-color": {},
    "denoise-gray": {"input_channels": 1, "output_channels": 1},
    "jpeg-color": {},
    "jpeg-gray": {"input_channels": 1, "output_channels": 1},
    "sr-x2": {"scale": 2},
    "sr-x3": {"scale": 3},
    "sr-x4": {"scale": 4},
    "demosaic": {},
    "deblur-motion": {},
    "deblur-defocus": {},
    "deblur-defocus-dp": {"input_channels": 6},
    "weather": {},
}


@pytest.fixture
def catalogue(make_contract):
    """Build the tasks of some models; all that are shipped unless named."""

    def build(*names, **more):
        chosen = {name: SHIPPED[name] for name in names or SHIPPED}
        return TaskCatalogue(
            ModelCatalogue(
                make_contract(**{"name": name, "task": name, **changes})
                for name, changes in {**chosen, **more}.items()
            )
        )

    return build


def chosen(catalogue, task, *, gray=False, views=1, **parameters):
    return catalogue.find(task).request(parameters).choose_model(gray=gray, views=views).name


def test_every_shipped_model_belongs_to_a_task(catalogue):
    tasks = catalogue()
    assert tasks.names == (
        "denoise",
        "jpeg-artifacts",
        "super-resolution",
        "demosaic",
        "motion-deblur",
        "defocus-deblur",
        "weather",
        "auto",
    )
    models = [model.name for task in tasks if task.name != "auto" for model in task.models]
    assert sorted(models) == sorted(SHIPPED)


@pytest.mark.parametrize("task", ["denoise", "jpeg-artifacts"])
def test_the_image_decides_between_gray_and_colour(catalogue, task):
    family = {"denoise": "denoise", "jpeg-artifacts": "jpeg"}[task]
    assert chosen(catalogue(), task, gray=True) == f"{family}-gray"
    assert chosen(catalogue(), task, gray=False) == f"{family}-color"


def test_gray_goes_through_a_colour_model_where_there_is_no_other(catalogue):
    assert chosen(catalogue("denoise-color"), "denoise", gray=True) == "denoise-color"


def test_colour_never_goes_through_a_gray_model(catalogue):
    with pytest.raises(NoModelForImageError) as caught:
        chosen(catalogue("denoise-gray"), "denoise", gray=False)
    assert (caught.value.limit, caught.value.actual) == ("gray images", "in color")


@pytest.mark.parametrize("gray", [True, False])
def test_two_views_go_to_the_model_of_two_views(catalogue, gray):
    tasks = catalogue()
    assert chosen(tasks, "defocus-deblur", gray=gray) == "deblur-defocus"
    assert chosen(tasks, "defocus-deblur", gray=gray, views=2) == "deblur-defocus-dp"


@pytest.mark.parametrize(
    ("model", "views", "limit"),
    [("deblur-defocus", 2, "color images"), ("deblur-defocus-dp", 1, "two views in color")],
)
def test_views_that_no_model_takes_are_refused(catalogue, model, views, limit):
    with pytest.raises(NoModelForImageError) as caught:
        chosen(catalogue(model), "defocus-deblur", views=views)
    assert caught.value.limit == limit


def test_the_scale_decides_between_models(catalogue):
    assert [chosen(catalogue(), "super-resolution", scale=s) for s in "234"] == [
        "sr-x2",
        "sr-x3",
        "sr-x4",
    ]


def test_a_scale_is_asked_for_unless_there_is_only_one(catalogue):
    with pytest.raises(MissingParameterError) as caught:
        catalogue().find("super-resolution").request({})
    assert caught.value.limit == "2, 3, 4"
    assert caught.value.errors == ({"name": "scale", "problem": "missing"},)
    request = catalogue("sr-x3").find("super-resolution").request({})
    assert (request.scale, dict(request.parameters)) == (3, {"scale": "3"})


@pytest.mark.parametrize("scale", ["1", "5", "", "x2", "2.0", "9" * 5000])
def test_a_scale_that_is_not_served_is_refused(catalogue, scale):
    with pytest.raises(InvalidParameterError) as caught:
        catalogue().find("super-resolution").request({"scale": scale})
    assert (caught.value.limit, caught.value.actual) == ("2, 3, 4", scale[:100])


@pytest.mark.parametrize("name", ["demosaic", "my-demosaic"])
def test_demosaicking_may_be_told_a_pattern(catalogue, name):
    task = catalogue(**{"my-demosaic": {"task": "demosaic"}}).find(name)
    assert task.takes_mosaics
    (pattern,) = task.parameters
    assert (pattern.name, pattern.required) == ("pattern", False)
    assert pattern.values == ("RGGB", "BGGR", "GRBG", "GBRG")
    assert task.request({}).pattern is None
    assert task.request({"pattern": "GRBG"}).pattern is BayerPattern.GRBG
    with pytest.raises(InvalidParameterError) as caught:
        task.request({"pattern": "RGBG"})
    assert caught.value.limit == "RGGB, BGGR, GRBG, GBRG"


def test_no_other_task_takes_mosaics(catalogue):
    assert [task.name for task in catalogue() if task.takes_mosaics] == ["demosaic"]


def test_a_parameter_of_another_task_is_refused(catalogue):
    with pytest.raises(UnknownParameterError) as caught:
        catalogue().find("denoise").request({"scale": "2"})
    assert (caught.value.limit, caught.value.actual) == ("none", "scale")


def test_a_larger_model_is_had_by_its_name_and_not_by_default(catalogue):
    tasks = catalogue(**{"a-denoise-base": {"task": "denoise-color"}})
    assert chosen(tasks, "denoise") == "denoise-color"
    assert chosen(tasks, "a-denoise-base") == "a-denoise-base"
    assert chosen(tasks, "sr-x3") == "sr-x3"


def test_a_model_of_no_known_task_is_a_task_of_its_own(catalogue):
    tasks = catalogue("weather", dehaze={})
    assert tasks.names == ("weather", "dehaze")
    assert chosen(tasks, "dehaze", gray=True) == "dehaze"


@pytest.mark.parametrize("name", ["sharpen", "super-resolution", "denoise/1", "x" * 10_000])
def test_an_unknown_task_is_told_those_that_can_be_done(catalogue, name):
    with pytest.raises(UnknownTaskError, match="denoise, weather, auto") as caught:
        catalogue("denoise-color", "weather").find(name)
    assert (caught.value.limit, caught.value.actual) == ("denoise, weather, auto", name[:100])


@pytest.mark.parametrize("name", [None, ""])
def test_a_missing_task_is_told_those_that_can_be_done(catalogue, name):
    with pytest.raises(MissingTaskError) as caught:
        catalogue("weather").find(name)
    assert caught.value.limit == "weather"


TOLD = {"input_channels": 4, "noise_level": True}


def test_a_model_that_is_told_the_noise_level_gives_its_task_that_parameter(catalogue):
    (parameter,) = catalogue(**{"denoise-color": TOLD}).find("denoise").parameters
    assert (parameter.name, parameter.values) == ("noise_level", ("auto",))
    assert (parameter.numbers, parameter.required) == ((0, 75), False)
    assert catalogue().find("denoise").parameters == ()


@pytest.mark.parametrize(
    ("given", "kept"), [("auto", "auto"), ("0", "0"), ("12.50", "12.5"), ("75", "75")]
)
def test_a_noise_level_is_a_number_or_left_to_the_service(catalogue, given, kept):
    request = catalogue(**{"denoise-color": TOLD}).find("denoise").request({"noise_level": given})
    assert request.parameters == {"noise_level": kept}
    assert request.choose_model(gray=False).name == "denoise-color"


@pytest.mark.parametrize("given", ["75.1", "-1", "1e1", "nan", "", "high", "\u0661"])
def test_another_noise_level_is_refused(catalogue, given):
    task = catalogue(**{"denoise-color": TOLD}).find("denoise")
    with pytest.raises(InvalidParameterError, match="one of auto or 0 to 75") as caught:
        task.request({"noise_level": given})
    assert (caught.value.limit, caught.value.actual) == ("auto or 0 to 75", given)


def test_a_noise_level_that_the_images_model_cannot_be_told_is_refused(catalogue):
    task = catalogue(**{"denoise-color": TOLD}).find("denoise")
    with pytest.raises(UnknownParameterError, match=r"denoise-gray, .* takes no noise_level"):
        task.request({"noise_level": "20"}).choose_model(gray=True)
    assert task.request({"noise_level": "auto"}).choose_model(gray=True).name == "denoise-gray"


PHOTO = {"task": "sr-x4", "source": "photo", "scale": 4}


def test_a_model_for_photos_gives_super_resolution_a_choice_of_the_source(catalogue):
    task = catalogue("sr-x2", "sr-x4", **{"sr-x4-photo": PHOTO}).find("super-resolution")
    _scale, source = task.parameters
    assert (source.name, source.values, source.required) == ("source", ("clean", "photo"), False)
    for given, name in (
        ({}, "sr-x4"),
        ({"source": "clean"}, "sr-x4"),
        ({"source": "photo"}, "sr-x4-photo"),
    ):
        request = task.request({"scale": "4"} | given)
        assert request.choose_model(gray=False).name == name
    assert task.request({"scale": "2"}).choose_model(gray=False).name == "sr-x2"


def test_a_source_without_a_model_at_the_scale_is_refused(catalogue):
    task = catalogue("sr-x2", "sr-x4", **{"sr-x4-photo": PHOTO}).find("super-resolution")
    with pytest.raises(
        InvalidParameterError, match=r"source=photo requires scale to be one of 4"
    ) as e:
        task.request({"scale": "2", "source": "photo"})
    assert (e.value.limit, e.value.actual) == ("4", "2")


def test_without_a_model_for_photos_there_is_no_choice_of_the_source(catalogue):
    task = catalogue("sr-x2", "sr-x4").find("super-resolution")
    with pytest.raises(UnknownParameterError, match="scale"):
        task.request({"scale": "4", "source": "clean"})
