from pathlib import Path

from PIL import Image
from skimage.data import astronaut, coffee

from benchmarks.library.recipes import RECIPES, main, report

SMALL = (
    "init=null",
    "preset=ushape-compact-color",
    "model={width: 8, layers: [1, 1, 1], decoder_layers: [1, 1]}",
    "data.noise_level_map=false",
    "data.texture_share=0",
    "data.synthetic_share=0",
    "data.train=[train]",
    "data.validation=validation",
    "data.workers=0",
    "validation=[{label: sigma25, degradation: [{kind: noise, sigma: 25}]}]",
    "validation_images=1",
    "bf16=false",
)


def test_every_recipe_trains_and_is_compared_with_the_first(tmp_path: Path, capsys) -> None:
    for name, photo in (("train", astronaut()), ("validation", coffee())):
        (tmp_path / name).mkdir()
        Image.fromarray(photo[:256, :256]).save(tmp_path / name / "0.png")
    overrides = [f"--override={one}" for one in (*SMALL, f"data.cache={tmp_path / 'cache'}")]
    main(["--root", str(tmp_path), "--runs", str(tmp_path / "runs"), "--steps", "3", *overrides])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(RECIPES)
    assert "(+0.000)" in lines[0]
    # Other weights, other figures.
    assert len({line.split()[2] for line in lines}) == len(RECIPES)


def test_the_difference_is_to_adamw_with_l1(capsys) -> None:
    report({"adamw-l1": {"sigma25": 31.0}, "muon-psnr": {"sigma25": 31.25}, "muon-l1": {}})
    assert capsys.readouterr().out.splitlines() == [
        "adamw-l1     sigma25 31.000 (+0.000)",
        "muon-psnr    sigma25 31.250 (+0.250)",
        "muon-l1      not run",
    ]
