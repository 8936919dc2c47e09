import json
from dataclasses import replace

import pytest

from hiir import cli
from hiir.models.flops import measure_cost
from hiir.models.presets import PRESETS, get_preset
from hiir.models.published_counts import CONTRADICTIONS, PUBLISHED, Published, compare


@pytest.mark.slow
@pytest.mark.parametrize("row", PUBLISHED, ids=lambda row: row.preset)
def test_every_published_count_is_met_to_its_last_digit(row: Published) -> None:
    comparison = compare(row)
    assert comparison.match, comparison.to_json()
    if row.gmacs is not None:
        assert comparison.cost.macs / 1e9 == pytest.approx(row.gmacs, rel=0.005)


def test_the_operations_of_base_are_the_published_ones() -> None:
    (row,) = (row for row in PUBLISHED if row.preset == "columnar-base-x4")
    assert f"{compare(row).cost.macs / 1e9:.3f}" == "287.204"


def test_there_are_thirty_published_counts_of_registered_presets() -> None:
    assert len({row.preset for row in PUBLISHED}) == len(PUBLISHED) == 30
    assert {row.preset for row in PUBLISHED} <= set(PRESETS)


def test_a_count_that_differs_in_its_last_digit_does_not_match() -> None:
    assert not compare(Published(preset="ushape-gray", variant="any", params_m=22.34)).match


def millions(config) -> str:
    return f"{measure_cost(config, height=128, width=128).parameters / 1e6:.2f}"


def test_the_contradictions_are_told_with_the_figures_of_real_modules() -> None:
    large, v4, ushape = CONTRADICTIONS
    assert f"{millions(replace(get_preset('columnar-large-x2'), layers=(8,) * 8))} M" in large
    assert f"{millions(get_preset('columnar-v4-x2'))} M and" in v4
    assert f"and {millions(get_preset('columnar-v4-x4'))} M" in v4
    macs = measure_cost(get_preset("ushape-color"), height=256, width=256).macs
    assert f"{macs / 1e9:.2f} GMACs" in ushape


def test_counts_are_printed_as_one_list(monkeypatch, capsys) -> None:
    rows = [row for row in PUBLISHED if row.preset in {"ushape-color", "columnar-v3-x2"}]
    monkeypatch.setattr("hiir.models.published_counts.PUBLISHED", rows)
    assert cli.main(["models", "--counts", "--json"]) == 0
    first, second = json.loads(capsys.readouterr().out)
    assert first == {
        "name": "columnar-v3-x2",
        "scale": 2,
        "variant": "v3 with L3, conv1",
        "params_m": 15.69,
        "published_m": 15.69,
        "match": True,
        "gmacs": None,
        "published_gmacs": None,
    }
    assert (second["gmacs"], second["published_gmacs"]) == (154.31, 153.66)


def test_counts_for_people_say_the_convention_and_the_contradictions(monkeypatch, capsys) -> None:
    wrong = Published(preset="ushape-color", variant="U-shape", params_m=22.3)
    monkeypatch.setattr("hiir.models.published_counts.PUBLISHED", [wrong])
    assert cli.main(["models", "--counts"]) == 1
    shown = capsys.readouterr().out
    assert "22.33 ! 22.30" in shown
    assert "fvcore's convention" in shown
    assert all(contradiction in shown for contradiction in CONTRADICTIONS)
