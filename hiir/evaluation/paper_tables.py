"""The paper's tables, and our measurements beside them.

`paper.csv` has every row of Tables 8 to 16, 20 and 21 (without averages over two sets);
`references.csv` has published results of degraded inputs and classical methods.
"""

import csv
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from hiir.datasets.pair_layouts import Layout
from hiir.degradations.recipe import Recipe
from hiir.errors import HiirError
from hiir.evaluation.baselines import BASELINES, build_baseline
from hiir.evaluation.evaluate import evaluate
from hiir.evaluation.protocols import EvaluationProtocol, Family, protocol_of
from hiir.evaluation.restorer import Restorer
from hiir.evaluation.seeded_degradation import degradation_of
from hiir.evaluation.test_sets import PairedSet, SampleSet, SyntheticSet
from hiir.imaging import BayerPattern, ModelContract
from hiir.models.release import Release, list_releases, load_release

__all__ = [
    "PaperError",
    "PaperRow",
    "Setting",
    "compare",
    "paper_rows",
    "reference_rows",
    "settings_of",
]


class PaperError(HiirError):
    """The paper has no such row, or no row for a model; the message lists the alternatives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperRow:
    """One published result."""

    table: str
    """Its number in the paper; empty for results from other publications."""
    set: str
    setting: str
    method: str
    psnr: float
    ssim: float | None
    """None if the table has none; likewise for the fields below."""
    mae: float | None
    lpips: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One column group of a table: a degradation, and the task that it belongs to."""

    name: str
    task: str
    """Task of the model; the shipped model has its name."""
    input_channels: int
    baseline: str
    samples: SampleSet
    protocol: EvaluationProtocol

    def suits(self, contract: ModelContract) -> bool:
        """Return whether a model's task (or denoising with JPEG) and channels match the setting."""
        color = contract.task.removeprefix("denoise-jpeg-")
        tasks = {contract.task, f"denoise-{color}", f"jpeg-{color}"}
        return self.task in tasks and contract.image_channels == self.input_channels


def paper_rows(test_set: str, setting: str) -> tuple[PaperRow, ...]:
    """Return the paper's rows for a set (case-insensitive) and a setting, in the paper's order."""
    return tuple(_rows_of(test_set, setting, "paper.csv"))


def reference_rows(test_set: str, setting: str) -> tuple[PaperRow, ...]:
    """Return published results for a set and a setting: degraded input and classical methods."""
    return tuple(_rows_of(test_set, setting, "references.csv"))


def settings_of(
    folder: Path, *, seed: int, test_set: str | None = None, layout: Layout | None = None
) -> tuple[Setting, ...]:
    """Return the settings that the paper measures on a set.

    Args:
        folder: folder of the set: clean images, or pairs for deblurring and weather.
        seed: seed of the noise.
        test_set: name of the set in the paper, case-insensitive; the folder's name by default.
        layout: folder layout of pairs; detected by default.

    Raises:
        PaperError: if the set is not in the paper; the message lists those that are.
    """
    name = test_set or folder.name
    known = {row.set for row in _read()}
    names = dict.fromkeys(row.setting for row in _read() if row.set.lower() == name.lower())
    if not names:
        raise PaperError(f"no row for {name}; there are some for {', '.join(sorted(known))}")
    return tuple(_setting(found, folder, seed=seed, layout=layout) for found in names)


def compare(
    settings: tuple[Setting, ...],
    *,
    test_set: str,
    run: Callable[[Release], Restorer],
    release: Release | None = None,
    only: str | None = None,
) -> list[dict[str, Any]]:
    """Return the paper's rows of a set, and our measurements.

    Args:
        settings: result of `settings_of`.
        test_set: name of the set in the paper, case-insensitive.
        run: creates a restorer of a model.
        release: model to measure, in the settings that it suits.
        only: the only shipped model or baseline to measure. Without ``release`` and ``only``, the
            shipped models and baselines of all settings are measured.

    Returns:
        Rows of ``table``, ``set``, ``setting``, ``method``, ``psnr``, ``ssim``, ``mae``, ``lpips``
        and whether they are ``ours``. If a setting is scored on luma and on RGB, a second row has
        the figures on RGB.

    Raises:
        PaperError: if the model suits no setting.
        DatasetError: if the set cannot be read.
    """
    wanted = release
    if wanted is None and only is not None and only not in BASELINES:
        wanted = load_release(only)
    if wanted is not None and not any(setting.suits(wanted.contract) for setting in settings):
        contract = wanted.contract
        raise PaperError(
            f"{contract.name} is for {contract.task} with {contract.image_channels} channels; the "
            f"paper's settings of {test_set} are for {', '.join({s.task: 0 for s in settings})}"
        )
    rows: list[dict[str, Any]] = []
    for setting in settings:
        published = paper_rows(test_set, setting.name)
        rows += [{**asdict(row), "ours": False} for row in published]
        for method, restorer in _ours(setting, wanted, only, run).items():
            evaluation = evaluate(restorer, setting.samples, setting.protocol)
            named = {"table": "", "set": published[0].set, "setting": setting.name, "lpips": None}
            figures = {"psnr": round(evaluation.psnr, 2), "ssim": round(evaluation.ssim, 4)}
            mae = round(evaluation.mae, 4)
            rows.append({**named, "method": method, **figures, "mae": mae, "ours": True})
            if evaluation.psnr_rgb is not None and evaluation.ssim_rgb is not None:
                in_rgb = {
                    "psnr": round(evaluation.psnr_rgb, 2),
                    "ssim": round(evaluation.ssim_rgb, 4),
                }
                rgb = {**named, "method": f"{method} (RGB)", **in_rgb, "mae": None, "ours": True}
                rows.append(rgb)
    return rows


def _ours(
    setting: Setting, wanted: Release | None, only: str | None, run: Callable[[Release], Restorer]
) -> Mapping[str, Restorer]:
    """Return the methods to measure in a setting, by name: baselines before models."""
    if wanted is not None:
        return {wanted.contract.name: run(wanted)} if setting.suits(wanted.contract) else {}
    baseline = build_baseline(
        setting.baseline, scale=setting.samples.scale, pattern=BayerPattern.RGGB
    )
    if only is not None:
        return {only: baseline} if only == setting.baseline else {}
    ours = {setting.baseline: baseline}
    if setting.task in list_releases():
        ours[setting.task] = run(load_release(setting.task))
    return ours


def _setting(name: str, folder: Path, *, seed: int, layout: Layout | None) -> Setting:
    word = name.removeprefix("gray ")
    gray = word != name
    color = "gray" if gray else "color"
    pairs = PairedSet(folder=folder, layout=layout)
    family, scale, channels, baseline = Family.OTHER, 1, 1 if gray else 3, "input"
    samples: SampleSet = pairs
    match word:
        case "motion":
            task = "deblur-motion"
        case "weather":
            task, family = "weather", Family.WEATHER
        case "single":
            task, family = "deblur-defocus", Family.DEFOCUS
            samples = PairedSet(folder=folder, layout=layout or _center(folder))
        case "dual-pixel":
            task, family, channels = "deblur-defocus-dp", Family.DEFOCUS, 6
        case "rggb":
            task, baseline = "demosaic", "malvar"
            samples = _synthetic(folder, seed, kind="bayer", patterns=["rggb"])
        case _ if word.startswith("x"):
            scale = int(word[1:])
            task, baseline = f"sr-{word}", "bicubic"
            samples = _synthetic(folder, seed, kind="downscale", factor=scale)
        case _ if word.startswith("sigma"):
            task = f"denoise-{color}"
            samples = _synthetic(folder, seed, kind="noise", sigma=float(word[5:]))
        case _:
            task, family = f"jpeg-{color}", Family.JPEG
            samples = _synthetic(folder, seed, kind="jpeg", quality=float(word[1:]), aligned=True)
    return Setting(
        name=name,
        task=task,
        input_channels=channels,
        baseline=baseline,
        samples=samples,
        protocol=protocol_of(family, scale=scale, gray=gray),
    )


def _center(folder: Path) -> Layout | None:
    """The center layout of a data set that has all three views of a dual-pixel sensor."""
    return Layout.CENTER if (folder / "inputC").is_dir() else None


def _synthetic(folder: Path, seed: int, **step: object) -> SyntheticSet:
    recipe = Recipe.model_validate([step])
    return SyntheticSet(folder=folder, degradation=degradation_of(recipe, seed=seed))


def _rows_of(test_set: str, setting: str, table: str) -> Iterator[PaperRow]:
    wanted = (test_set.lower(), setting)
    return (row for row in _read(table) if (row.set.lower(), row.setting) == wanted)


def _read(table: str = "paper.csv") -> Iterator[PaperRow]:
    text = (files("hiir.evaluation") / table).read_text(encoding="utf-8")
    for row in csv.DictReader(text.splitlines()):
        figures = {key: row.get(key) for key in ("ssim", "mae", "lpips")}
        yield PaperRow(
            table=row.get("table", ""),
            set=row["set"],
            setting=row["setting"],
            method=row["method"],
            psnr=float(row["psnr"]),
            **{key: float(text) if text else None for key, text in figures.items()},
        )
