"""Whatever is known at submit is checked at submit, before a job is made."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hiir.imaging import (
    ImageFormat,
    ImageTooLarge,
    PhotoOptions,
    Region,
    UnsupportedImageFormat,
)
from service.catalogue.models import ModelCatalogue
from service.catalogue.restoration import read_restoration
from service.catalogue.tasks import TaskCatalogue
from service.errors import InvalidParameterError, ResultTooLargeError
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
        request = read_restoration(catalogue, {"task": task})
        path = tmp_path / "upload"
        path.write_bytes(content)
        with path.open("rb") as file:
            made = UploadCheck(codec=codec, limits=limits, request=request)
            return made.run(Upload(file=file), PhotoOptions(**options), ())

    yield run
    codec.close()


def test_a_region_of_a_photo_whose_whole_result_would_be_too_large_is_accepted(check):
    content = picture(8000, 1000, "PNG")  # 128 megapixels when it is enlarged
    with pytest.raises(ResultTooLargeError):
        check(content, "super-resolution")
    region = Region(left=7000, top=100, width=200, height=100)
    checked = check(content, "super-resolution", region=region)
    assert region.pixels <= checked.restored_pixels < 232 * 132  # tiles of 16
    assert checked.result_estimate == 200 * 100 * 16 * 3
    assert check(content, "denoise").restored_pixels == 8000 * 1000


def test_the_region_of_a_turned_photo_is_checked_when_it_is_upright(check):
    output = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.full((40, 60, 3), 90, np.uint8)).save(output, "JPEG", exif=exif)
    check(output.getvalue(), "denoise", region=Region(left=0, top=30, width=40, height=30))
    with pytest.raises(InvalidParameterError) as caught:
        check(output.getvalue(), "denoise", region=Region(left=30, top=0, width=30, height=40))
    assert (caught.value.limit, caught.value.actual) == ("0,0,40,60", "30,0,30,40")


def test_a_strength_is_refused_where_a_result_cannot_be_blended(make_contract, tmp_path):
    catalogue = TaskCatalogue(ModelCatalogue([make_contract(input_channels=1, output_channels=3)]))
    limits = Limits()
    codec = build_codec(limits)
    path = tmp_path / "upload"
    Image.fromarray(np.full((40, 60), 90, np.uint8)).save(path, "PNG")
    made = UploadCheck(
        codec=codec, limits=limits, request=read_restoration(catalogue, {"task": "denoise"})
    )
    with path.open("rb") as file, pytest.raises(InvalidParameterError, match="cannot be blended"):
        made.run(Upload(file=file), PhotoOptions(strength=50), ())
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
    assert [planned.model.name for planned in checked.steps] == ["sr-x4"]
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
