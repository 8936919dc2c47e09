"""Cards say what the released files say."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from hiir.evaluation import model_card
from hiir.evaluation.model_card import CardError, card_facts, update_card
from hiir.evaluation.tiling_artifacts import TilingFigures, to_quality
from hiir.models.release import Release, ReleaseError, list_releases, load_release

CARDS = Path(__file__).parents[4] / "docs/models"


@pytest.mark.parametrize("name", list_releases())
def test_card_of_every_shipped_model_says_what_its_file_says(name, tmp_path):
    card = CARDS / f"{name}.md"
    assert card.is_file(), "make it with: hiir models --card"
    shutil.copy(card, tmp_path)
    copy = update_card(name, tmp_path)
    assert copy.read_text() == card.read_text(), "renew it with: hiir models --card"


@pytest.mark.parametrize("name", list_releases())
def test_card_of_every_shipped_model_tells_how_it_was_made_and_where_it_fails(name):
    text = (CARDS / f"{name}.md").read_text(encoding="utf-8")
    for heading in ("## Training", "## Limits"):
        written = text.partition(heading)[2].partition("\n## ")[0]
        assert len(written.split()) > 20, f"{heading} is not written"


@pytest.fixture
def release(monkeypatch):
    """Give the shipped model another contract, as a release with other figures would have."""
    shipped = load_release("denoise-color")

    def change(**changes):
        other = Release(model=shipped.model, contract=replace(shipped.contract, **changes))
        monkeypatch.setattr(model_card, "load_release", lambda _: other)
        return other

    return change


def test_measured_figures_stand_beside_the_published_ones(release):
    release(
        quality={
            "cbsd68-sigma25-psnr": 30.0,
            "cbsd68-sigma25-ssim": 0.8,
            "cbsd68-sigma25-input-psnr": 20.17,
            "cbsd68-clean-worst-psnr": 41.5,
            "gopro_pairs-psnr": 25.5,
            "cpu-seconds-per-megapixel": 4.25,
        }
    )
    lines = card_facts("denoise-color").splitlines()
    assert "| CBSD68 | clean-worst | sigma25 |" in lines
    assert "| input, measured |  | 20.17 |" in lines
    assert "| **denoise-color** | **41.50** | **30.00** / 0.8000 |" in lines
    assert "| CBM3D, as published |  | 30.71 |" in lines
    assert "| Hi-IR (blind), as published |  | 31.80 |" in lines
    assert "| gopro_pairs | as provided |" in lines
    assert any("4.2 s of one CPU core" in line for line in lines)


def test_what_tiles_do_stands_in_the_card_of_a_model_that_was_measured(release):
    release(quality={"cpu-seconds-per-megapixel": 4.25})
    assert "whole image" not in card_facts("denoise-color")
    figures = TilingFigures(seam=-0.12, agreement=66.61, difference=1.26)
    release(quality=to_quality({"photo": figures, "gradient": figures}))
    lines = card_facts("denoise-color").splitlines()
    assert lines[-5:] == [
        "| tiled compared with the whole image at once | gradient | photo |",
        "|---|---|---|",
        "| extra step at tile borders, in levels of 255 | -0.12 | -0.12 |",
        "| PSNR between the two, in dB | 66.6 | 66.6 |",
        "| largest difference, in levels of 255 | 1.3 | 1.3 |",
    ]


def test_gray_models_are_held_against_gray_rows(release):
    release(output_channels=1, input_channels=2, quality={"classic5-q10-psnr": 29.0})
    assert "| JPEG, as published | 27.82 / 0.7600 |" in card_facts("jpeg-gray").splitlines()


def test_renewing_a_card_leaves_alone_what_is_written_by_hand(tmp_path, release):
    release(quality={})
    path = update_card("denoise-color", tmp_path)
    begun = path.read_text()
    assert card_facts("denoise-color") in begun
    path.write_text(begun.replace("## Limits", "## Limits\n\nIt fails at night.\n"))
    release(quality={"cbsd68-sigma25-psnr": 30.0})
    assert update_card("denoise-color", tmp_path) == path
    assert "It fails at night." in path.read_text()
    assert "**30.00**" in path.read_text()


@pytest.mark.parametrize("text", ["# A card", f"{model_card._END}\n{model_card._BEGIN}"])
def test_a_card_without_marks_is_not_overwritten(tmp_path, text):
    (tmp_path / "denoise-color.md").write_text(text)
    with pytest.raises(CardError, match=r"denoise-color\.md"):
        update_card("denoise-color", tmp_path)
    assert (tmp_path / "denoise-color.md").read_text() == text


def test_there_is_no_card_of_what_is_not_shipped(tmp_path):
    with pytest.raises(ReleaseError, match="denoise-color"):
        update_card("absent", tmp_path)
