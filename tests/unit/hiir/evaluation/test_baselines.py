import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from skimage.data import astronaut

from hiir.degradations.recipe import read_recipe
from hiir.evaluation.baselines import BASELINES, BaselineError, build_baseline
from hiir.evaluation.evaluate import evaluate
from hiir.evaluation.seeded_degradation import Noise, Synthetic
from hiir.evaluation.test_sets import SyntheticSet
from hiir.imaging import BayerPattern, FloatPixels, to_unit


def reducing(folder: Path, factor: int) -> SyntheticSet:
    recipe = read_recipe(f"[{{kind: downscale, factor: {factor}}}]")
    return SyntheticSet(folder=folder, degradation=Synthetic(recipe=recipe))


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_bicubic_brings_back_the_size(folder: Path, factor: int) -> None:
    evaluation = evaluate(build_baseline("bicubic", scale=factor), reducing(folder, factor))
    assert 18 < evaluation.psnr < 40


def test_the_input_of_super_resolution_cannot_be_measured() -> None:
    with pytest.raises(BaselineError, match="2 times smaller"):
        build_baseline("input", scale=2)
    with pytest.raises(BaselineError, match="bicubic enlarges"):
        build_baseline("bicubic", scale=1)


@pytest.mark.parametrize("told", [25.0, None])
def test_non_local_means_denoises_whether_it_is_told_the_level_or_not(folder, told) -> None:
    samples = SyntheticSet(folder=folder, degradation=Noise(sigma=25))
    noisy = evaluate(build_baseline("input"), samples)
    assert evaluate(build_baseline("nlm", sigma=told), samples).psnr > noisy.psnr + 4


def test_malvar_is_what_it_is_once() -> None:
    photo = to_unit(np.ascontiguousarray(astronaut()[:40, 100:150]))
    malvar = build_baseline("malvar", pattern=BayerPattern.GBRG)
    once = malvar.restore(photo)
    np.testing.assert_allclose(malvar.restore(once), once, atol=1e-6)
    assert not np.allclose(once, photo, atol=1e-3)
    other = build_baseline("malvar", pattern=BayerPattern.RGGB)
    assert not np.allclose(other.restore(once), once, atol=1e-3)


def test_malvar_must_know_the_pattern() -> None:
    with pytest.raises(BaselineError, match="all mosaics have one pattern"):
        build_baseline("malvar")


def test_bm3d_is_called_on_the_scale_of_its_input(monkeypatch) -> None:
    calls: list[tuple[str, tuple[int, ...], float]] = []

    def record(name: str):
        def restore(image: FloatPixels, sigma: float) -> FloatPixels:
            calls.append((name, image.shape, sigma))
            return image / 2

        return restore

    package = ModuleType("bm3d")
    package.bm3d, package.bm3d_rgb = record("bm3d"), record("bm3d_rgb")
    monkeypatch.setitem(sys.modules, "bm3d", package)
    restorer = build_baseline("bm3d", sigma=51.0)
    for channels in (3, 1):
        image = np.ones((8, 9, channels), np.float32)
        np.testing.assert_array_equal(restorer.restore(image), image / 2)
    assert calls == [("bm3d_rgb", (8, 9, 3), 0.2), ("bm3d", (8, 9), 0.2)]


def test_a_package_that_is_missing_is_named(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "bm3d", None)
    with pytest.raises(BaselineError, match="needs bm3d: pip install"):
        build_baseline("bm3d", sigma=25)


def test_bm3d_must_be_told_the_level() -> None:
    with pytest.raises(BaselineError, match="--sigma"):
        build_baseline("bm3d")


def test_an_unknown_baseline_is_refused_with_the_known_ones() -> None:
    with pytest.raises(BaselineError, match=", ".join(BASELINES)):
        build_baseline("nonsense")
