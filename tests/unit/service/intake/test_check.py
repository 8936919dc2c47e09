"""Whatever is known at submit is checked at submit, before a job is made."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hiir.imaging import ImageFormat, ImageTooLarge, PhotoOptions, UnsupportedImageFormat
from service.catalogue.models import ModelCatalogue
from service.catalogue.tasks import TaskCatalogue
from service.errors import ResultTooLargeError
from service.intake.check import UploadCheck
from service.intake.codec_pool import build_codec
from service.intake.receive import Upload
from service.limits import Limits
from tests.camera_raw import dng


@pytest.fixture
def check(make_contract, tmp_path: Path):
    """Validate an upload of a task as `POST /v1/jobs` does."""
    models = [
        make_contract(name="denoise-color", task="denoise-color"),
        make_contract(name="sr-x4", task="sr-x4", scale=4),
    ]
    catalogue = TaskCatalogue(ModelCatalogue(models))
    limits = Limits(output_pixels=100_000_000, result_bytes=2_000_000)
    codec = build_codec(limits)

    def run(content: bytes, task: str, **options):
        request = catalogue.find(task).request({})
        path = tmp_path / "upload"
        path.write_bytes(content)
        with path.open("rb") as file:
            made = UploadCheck(codec=codec, limits=limits, request=request)
            return made.run(Upload(file=file), PhotoOptions(**options), ())

    yield run
    codec.close()


def picture(width: int, height: int, image_format: str) -> bytes:
    output = io.BytesIO()
    Image.fromarray(np.full((height, width, 3), 90, np.uint8)).save(output, image_format)
    return output.getvalue()


@pytest.mark.parametrize(
    ("size", "sent", "target", "limit"),
    [
        ((4200, 32), "WEBP", None, 16_383),
        ((32, 4200), "WEBP", None, 16_383),
        ((4200, 32), "PNG", ImageFormat.WEBP, 16_383),
        ((16_380, 16), "JPEG", None, 65_500),
        ((8200, 16), "PNG", ImageFormat.AVIF, 32_768),
        ((4100, 16), "PNG", ImageFormat.HEIC, 16_384),
    ],
)
def test_a_result_with_sides_beyond_its_format_is_refused(check, size, sent, target, limit):
    with pytest.raises(ImageTooLarge) as caught:
        check(picture(*size, sent), "super-resolution", format=target)
    assert (caught.value.limit, caught.value.actual) == (limit, 4 * max(size))


def test_the_same_photo_is_accepted_in_a_format_that_holds_it(check):
    content = picture(4200, 32, "WEBP")
    checked = check(content, "super-resolution", format=ImageFormat.PNG)
    assert checked.model.name == "sr-x4"
    assert check(content, "denoise").photo.header.width == 4200


def test_a_bmp_that_is_larger_than_a_result_may_be_is_refused(check):
    content = picture(300, 200, "BMP")
    with pytest.raises(ResultTooLargeError) as caught:
        check(content, "super-resolution")
    assert (caught.value.limit, caught.value.actual) == (2_000_000, 1200 * 800 * 3)
    assert check(content, "super-resolution", format=ImageFormat.PNG)


def test_a_camera_raw_file_is_refused_with_the_task_that_takes_it(check):
    sensor = np.full((48, 64), 2000, np.uint16)
    with pytest.raises(UnsupportedImageFormat, match="demosaic"):
        check(dng(sensor, preview=True).getvalue(), "denoise")
