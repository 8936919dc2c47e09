"""What a dry run of the command says about each photo."""

import json
from pathlib import Path

import pytest
from PIL import Image

from hiir.cli.photos.estimate import show_estimate
from hiir.cli.photos.plan import PlannedPhoto
from hiir.cli.photos.request import RestoreRequest
from hiir.imaging import Region

REQUEST = RestoreRequest(
    task="denoise", fields={}, models=frozenset(), megapixel_seconds=2.0, tiling=(64, 8)
)


@pytest.fixture
def photo(tmp_path: Path) -> PlannedPhoto:
    source = tmp_path / "a.png"
    Image.new("RGB", (1000, 500)).save(source)
    return PlannedPhoto(source=source, relative=Path("a.png"), target=tmp_path / "out/a.png")


def shown(capsys: pytest.CaptureFixture[str]) -> dict[str, float]:
    found: dict[str, float] = json.loads(capsys.readouterr().out)
    return found


def test_a_photo_counts_with_its_pixels_and_a_region_with_those_of_its_tiles(
    photo: PlannedPhoto, capsys: pytest.CaptureFixture[str]
) -> None:
    assert show_estimate([photo], REQUEST, as_json=True) == 0
    assert shown(capsys)["megapixels"] == pytest.approx(0.5)
    region = Region(left=300, top=200, width=20, height=20)
    assert show_estimate([photo], REQUEST, region=region, as_json=True) == 0
    line = shown(capsys)
    assert 64**2 <= line["megapixels"] * 1e6 <= 128**2
    assert line["seconds"] == pytest.approx(2 * line["megapixels"])
    assert show_estimate([photo], None, region=region, as_json=True) == 0
    line = shown(capsys)
    assert (line["megapixels"], line["seconds"]) == (pytest.approx(400e-6), None)


def test_a_photo_may_be_turned_and_one_without_the_region_is_listed(
    photo: PlannedPhoto, capsys: pytest.CaptureFixture[str]
) -> None:
    upright = Region(left=0, top=900, width=100, height=100)
    assert show_estimate([photo], REQUEST, region=upright, as_json=True) == 0
    beyond = Region(left=950, top=0, width=51, height=20)
    capsys.readouterr()
    assert show_estimate([photo], REQUEST, region=beyond, as_json=True) == 1
    assert "1000x500 pixels does not have the region 950,0,51,20" in capsys.readouterr().out
