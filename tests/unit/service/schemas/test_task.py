from hiir.imaging import ImageFormat
from service.catalogue.tasks import Task
from service.limits import Limits
from service.schemas.task import ModelView, TaskView


def show_task(*contracts):
    task = Task(name="a-task", summary="Does it.", models=contracts)
    models = [ModelView.of(one, precision="fp32", seconds_per_megapixel=1.5) for one in contracts]
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
