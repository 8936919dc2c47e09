import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from skimage.data import astronaut

from hiir import cli
from hiir.evaluation.tiling_artifacts import TilingFigures, to_quality
from hiir.models.release import list_releases, load_release, zoo_path
from hiir.training.checkpoint import Checkpoint
from hiir.training.experiments import load_config
from hiir.training.run_folder import RunFolder


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.fromarray(astronaut()[:80, 100:200]).save(folder / "0.png")
    return folder


def test_eval_prints_one_json_object(photos: Path, capsys) -> None:
    status = cli.main(
        ["eval", "--model", "denoise-color", "--set", str(photos), "--sigma", "25", "--json"]
    )
    report = json.loads(capsys.readouterr().out)
    assert status == 0
    assert {"model", "engine", "set", "sigma", "seed", "psnr", "ssim", "n"} <= set(report)
    assert report["psnr"] > 25
    assert report["n"] == 1


@pytest.mark.slow
def test_a_shipped_model_beats_its_noisy_input_on_both_engines(
    photos: Path, tmp_path, capsys
) -> None:
    repository = tmp_path / "repository"
    assert cli.main(["export", "denoise-color", "--repository", str(repository)]) == 0
    figures = {}
    for engine in ("torch", "onnx"):
        capsys.readouterr()
        cli.main(
            [
                *("eval", "--model", "denoise-color", "--set", str(photos), "--sigma", "25"),
                *("--json", "--engine", engine, "--repository", str(repository)),
            ]
        )
        figures[engine] = json.loads(capsys.readouterr().out)["psnr"]
    assert figures["torch"] == pytest.approx(figures["onnx"], abs=0.001)
    assert figures["torch"] > 25


@pytest.mark.parametrize(
    ("arguments", "repository"),
    [
        ([], "model_repository"),
        (["--target", "gpu"], "model_repository_gpu"),
        (["--target", "gpu", "--repository", "other"], "other"),
    ],
)
def test_each_target_is_exported_to_a_repository_of_its_own(
    arguments: list[str], repository: str, monkeypatch, capsys
) -> None:
    written: list[Path] = []

    def export(release: object, folder: Path, **_: object) -> bool:
        written.append(folder)
        return True

    monkeypatch.setattr("hiir.export.triton.export_release", export)
    assert cli.main(["export", "sr-x2", *arguments]) == 0
    assert written == [Path(repository)]
    assert capsys.readouterr().out == "sr-x2: exported\n"


def test_eval_prints_a_table_for_people(photos: Path, capsys) -> None:
    cli.main(["eval", "--model", "input", "--set", str(photos), "--sigma", "50"])
    assert "| 0.png | 14." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["eval", "--model", "nonsense", "--set", ".", "--sigma", "5"], "those shipped are"),
        (
            ["eval", "--model", "input", "--set", "absent", "--sigma", "5"],
            "absent is not a directory",
        ),
        (["train", "nonsense"], "no configuration 'nonsense'"),
        (["export", "nonsense"], "those shipped are"),
        (["models", "nonsense"], "the presets are"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(arguments, message, capsys) -> None:
    assert cli.main(arguments) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("error", [ValueError("shapes differ"), FileNotFoundError("git")])
def test_a_defect_keeps_its_traceback(monkeypatch, error: Exception) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("hiir.models.preset_table.describe", fail)
    with pytest.raises(type(error), match=str(error)):
        cli.main(["models", "ushape-color"])


def test_models_lists_presets_and_releases(capsys) -> None:
    assert cli.main(["models", "ushape-compact-color", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["preset"] == "ushape-compact-color"
    assert row["parameters"] == 900_732
    assert (row["gmacs"], row["gmacs_input"], row["receptive_field"]) == (2.923, "256x256", 1028)
    assert row["contract"]["size_multiple"] == 64
    assert "demosaic" in row["released"]


def test_models_lists_what_is_shipped_without_torch() -> None:
    script = (
        "import sys; from hiir import cli; cli.main(['models']); "
        "cli.main(['models', 'denoise-color', '--json']); assert 'torch' not in sys.modules"
    )
    shown = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    ).stdout
    assert [line.split()[0] for line in shown.splitlines()[1:-1]] == list(list_releases())
    (contract,) = json.loads(shown.splitlines()[-1])
    assert contract["sha256"] == load_release("denoise-color").contract.sha256


def test_models_shows_the_figures_of_shipped_models_and_presets(capsys) -> None:
    assert cli.main(["models", "sr-x2", "columnar-compact-x3"]) == 0
    shown = capsys.readouterr().out
    assert "-psnr" in shown
    assert "from: license" in shown.replace("licence", "license")
    assert "3 -> 3 channels, x3" in shown


def test_models_lists_a_line_for_people(capsys) -> None:
    assert cli.main(["models", "columnar-compact-x3"]) == 0
    assert "3 -> 3 channels, x3, sides in multiples of 32" in capsys.readouterr().out


def test_models_compares_the_cost_of_attention(capsys) -> None:
    assert cli.main(["models", "--complexity"]) == 0
    table = capsys.readouterr().out
    assert "One layer of columnar-base-x4: 128x128 tokens of 180 channels, 6 heads" in table
    assert cli.main(["models", "ushape-color", "--complexity", "64", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["ushape-color"]
    assert [row["attention"] for row in rows] == [
        "global",
        "window 8x8",
        "window 128x128",
        "Hi-IR 8x8 in 64x64",
    ]
    # 9 HWC^2 + 3 p^2 HWC + 18 HWC
    tokens, channels = 64 * 64, 52
    assert rows[3]["time"] == tokens * channels * (9 * channels + 3 * 8**2 + 18)
    # What sees as far by windows alone costs far more.
    assert rows[2]["receptive_field"] == rows[3]["receptive_field"] == 4 * 64
    assert rows[2]["space"] > 50 * rows[3]["space"]


def test_up_becomes_the_embedded_stack(monkeypatch) -> None:
    calls = []
    monkeypatch.setattr(os, "execv", lambda path, arguments: calls.append(arguments))
    cli.main(["up", "--once"])
    cli.main(["keys", "list"])
    assert calls == [
        [sys.executable, "-m", "service.embedded", "up", "--once"],
        [sys.executable, "-m", "service.keys", "list"],
    ]


def test_help_does_not_wait_for_torch() -> None:
    script = "import sys; from hiir import cli; cli._parser(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)


def test_degrade_draws_a_sheet_of_the_sample(tmp_path: Path, capsys) -> None:
    sheet = tmp_path / "sheet.png"
    assert cli.main(["degrade", "--sheet", str(sheet), "--only", "noise", "jpeg"]) == 0
    with Image.open(sheet) as image:
        assert image.size == (4 * 264 + 8, 2 * 282 + 8)


def test_degrade_writes_pairs(photos: Path, tmp_path: Path, capsys) -> None:
    output = tmp_path / "pairs"
    recipe = "[{kind: jpeg, quality: 10}]"
    arguments = ["--recipe", recipe, "--set", str(photos), "--output", str(output)]
    assert cli.main(["degrade", *arguments]) == 0
    assert sorted(path.name for path in output.iterdir()) == ["0.png", "0_gt.png"]
    assert cli.main(["degrade", "--recipe", recipe]) == 1
    assert "--set DIR" in capsys.readouterr().err


def test_eval_measures_baselines_beside_each_other_and_draws_a_strip(
    photos: Path, tmp_path: Path, capsys
) -> None:
    strip = tmp_path / "strip.png"
    arguments = ["--model", "input", "--set", str(photos), "--degrade", "jpeg-color:q10"]
    assert cli.main(["eval", *arguments, "--baseline", "nlm", "--strip", str(strip), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["degradation"][0]["quality"] == [10, 10]
    assert set(report["baselines"]) == {"nlm"}
    with Image.open(strip) as image:
        assert image.width == 3 * 326 + 6


def test_eval_prints_the_papers_rows_beside_ours(photos: Path, capsys) -> None:
    folder = photos.rename(photos.with_name("Set5"))
    assert cli.main(["eval", "--paper", "--model", "bicubic", "--set", str(folder)]) == 0
    table = capsys.readouterr().out
    assert "| Set5 | x2 | Hi-IR-B | 38.71 | 0.9657 |" in table
    assert "| Set5 | x4 | **bicubic** |" in table


def test_eval_measures_a_weights_file_that_is_not_shipped(photos: Path, capsys) -> None:
    weights = str(zoo_path("denoise-gray"))
    arguments = ["eval", "--weights", weights, "--set", str(photos), "--sigma", "25", "--json"]
    assert cli.main([*arguments, "--batch", "4"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["model"], report["channels"], report["device"]) == ("denoise-gray", "Y", "cpu")
    assert report["psnr"] > 25


def test_eval_measures_a_run_and_holds_it_against_the_paper(
    photos: Path, tmp_path: Path, capsys
) -> None:
    shipped = load_release("denoise-color")
    preset = shipped.contract.architecture
    overrides = ("name=mine", "model={}", f"preset={preset}")
    config = load_config("denoise-color", overrides=overrides)
    run = RunFolder(tmp_path / "run")
    run.begin(config, {})
    weights = shipped.model.state_dict()
    run.save(Checkpoint(step=3, weights={}, average=weights, first_moment={}, second_moment={}))
    options = ["--run", str(run.path), "--set", str(photos)]
    assert cli.main(["eval", *options, "--sigma", "25", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["model"] == "mine"
    assert report["psnr"] > 25
    assert cli.main(["eval", *options, "--paper", "Kodak24", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    (mine,) = (row for row in rows if row["ours"] and row["setting"] == "sigma25")
    assert (mine["set"], mine["method"]) == ("Kodak24", "mine")
    assert mine["psnr"] == pytest.approx(report["psnr"], abs=0.01)


def test_eval_takes_one_model(photos: Path, capsys) -> None:
    arguments = ["eval", "--set", str(photos), "--sigma", "25"]
    for models, message in (
        ([], "give --model NAME, --run FOLDER or --weights FILE"),
        (["--model", "input", "--run", "runs/x"], "give one of --model, --run and --weights"),
        (["--model", "denoise-color", "--device", "nonsense"], "no device 'nonsense'"),
        (["--model", "denoise-color", "--layout", "nonsense"], "no layout 'nonsense'"),
    ):
        assert cli.main([*arguments, *models]) == 1
        assert message in capsys.readouterr().err


def test_data_is_packed_into_parts(photos: Path, tmp_path: Path, capsys) -> None:
    overrides = (f"data.root={photos.parent}", "data.train=[photos]", "data.validation=photos")
    options = [word for override in overrides for word in ("--set", override)]
    parts = tmp_path / "shards"
    assert cli.main(["data", "pack", "denoise-color", *options, "--output", str(parts)]) == 0
    assert [path.name for path in parts.iterdir()] == ["shard-01.tar"]


def test_a_release_below_the_gate_says_what_it_misses(monkeypatch, capsys, tmp_path: Path) -> None:
    shipped = load_release("denoise-color").contract
    quality = to_quality({"photo": TilingFigures(seam=1.26, agreement=40, difference=9)})
    contract = replace(shipped, quality=quality)
    monkeypatch.setattr("hiir.training.release_run.release_run", lambda *_, **__: contract)
    run = tmp_path / "run"
    RunFolder(run).begin(load_config("denoise-color"), {})
    RunFolder(run).save(
        Checkpoint(step=1, weights={}, average={}, first_moment={}, second_moment={})
    )
    assert cli.main(["release", str(run), "--below-gate"]) == 0
    assert "tiles-photo-seam is 1.26 levels, must be at most 1" in capsys.readouterr().err


def test_the_completion_script_completes_commands_and_options(capsys, tmp_path: Path) -> None:
    assert cli.main(["completion", "bash"]) == 0
    script = tmp_path / "hiir.bash"
    script.write_text(capsys.readouterr().out)
    ask = (
        f"source {script}; COMP_WORDS=(hiir {{0}}); COMP_CWORD={{1}}; "
        "$(complete -p hiir | sed 's/.*-F \\([^ ]*\\).*/\\1/') hiir; echo ${{COMPREPLY[@]}}"
    )

    def complete(words: str, place: int) -> str:
        command = ask.format(words, place)
        return subprocess.run(
            ["bash", "-c", command], check=True, capture_output=True, text=True
        ).stdout

    assert "restore" in complete("res", 1)
    assert "--noise-level" in complete("restore --noi", 2)
