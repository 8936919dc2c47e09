"""The paper's tables, as far as our test sets allow to hold something against them.

`paper.csv` has the rows of Tables 8 to 11 and 21 for Set5, Set14, CBSD68, Set12, LIVE1 and
classic5. Its other sets and tasks (Kodak24, McMaster, Urban100, Manga109, GoPro, DPDD, Test1 ...)
need images that are not here.
"""

import csv
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from hiir.datasets.photo import Colour
from hiir.degradations.recipe import Recipe
from hiir.errors import HiirError
from hiir.evaluation.baselines import build_baseline
from hiir.evaluation.benchmark import evaluate
from hiir.evaluation.conventions import Convention
from hiir.evaluation.degradation import degradation_of
from hiir.evaluation.restorer import Restorer, TiledRestorer
from hiir.evaluation.samples import SyntheticSet
from hiir.evaluation.torch_tiles import TorchTiles
from hiir.models.release import list_releases, load_release

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
    """The paper has no such row; the message says what it has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperRow:
    """One published result."""

    set: str
    setting: str
    method: str
    psnr: float
    ssim: float | None
    """None where the paper has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One column group of a table: what is measured, and by which of our models."""

    name: str
    model: str
    """Our model of this task; the first of a task has the task's name."""
    baseline: str
    samples: SyntheticSet
    convention: Convention


def paper_rows(test_set: str, setting: str) -> tuple[PaperRow, ...]:
    """The published rows of a set (in any case) and a setting, in the paper's order."""
    return tuple(
        row for row in _read() if (row.set.lower(), row.setting) == (test_set.lower(), setting)
    )


def reference_rows(test_set: str, setting: str) -> tuple[PaperRow, ...]:
    """What others have published for a set and a setting: damaged input and classical methods."""
    return tuple(
        row
        for row in _read("references.csv")
        if (row.set.lower(), row.setting) == (test_set.lower(), setting)
    )


def settings_of(folder: Path, *, seed: int) -> tuple[Setting, ...]:
    """What the paper measures on a set, by the folder's name.

    Raises:
        PaperError: for a set that is not in the paper; the message lists those that are.
    """
    known = {row.set for row in _read()}
    names = dict.fromkeys(row.setting for row in _read() if row.set.lower() == folder.name.lower())
    if not names:
        raise PaperError(f"no row for {folder.name}; there are some for {', '.join(sorted(known))}")
    return tuple(_setting(name, folder, seed=seed) for name in names)


def compare(folder: Path, *, seed: int, only: str | None = None) -> list[dict[str, Any]]:
    """The paper's rows of a set, and what our baseline and our models measure beside them.

    Args:
        folder: of the set, named as in the paper.
        seed: of the noise.
        only: the one method of ours to measure; all that are shipped unless named.

    Returns:
        Rows of ``set``, ``setting``, ``method``, ``psnr``, ``ssim`` and whether they are ``ours``.

    Raises:
        PaperError: for a set that is not in the paper.
        DatasetError: for a set that cannot be read.
    """
    rows: list[dict[str, Any]] = []
    for setting in settings_of(folder, seed=seed):
        published = paper_rows(folder.name, setting.name)
        rows += [{**asdict(row), "ours": False} for row in published]
        ours = [setting.baseline, *({setting.model} & set(list_releases()))]
        for method in ours if only is None else [only] if only in ours else []:
            evaluation = evaluate(_restorer(method, setting), setting.samples, setting.convention)
            figures = {"psnr": round(evaluation.psnr, 2), "ssim": round(evaluation.ssim, 4)}
            named = {"set": published[0].set, "setting": setting.name, "method": method}
            rows.append({**named, **figures, "ours": True})
    return rows


def _restorer(method: str, setting: Setting) -> Restorer:
    if method == setting.baseline:
        return build_baseline(method, scale=setting.samples.scale)
    release = load_release(method)
    return TiledRestorer(contract=release.contract, engine=TorchTiles(release))


def _setting(name: str, folder: Path, *, seed: int) -> Setting:
    if name.startswith("x"):
        scale = int(name[1:])
        steps: list[dict[str, object]] = [{"kind": "downscale", "factor": scale}]
        model, baseline = f"sr-{name}", "bicubic"
        convention = Convention(on_luma=True, shave=scale)
    elif name.startswith("sigma"):
        steps, baseline = [{"kind": "noise", "sigma": float(name[5:])}], "input"
        gray = folder.name.lower() == "set12"
        model = "denoise-gray" if gray else "denoise-color"
        convention = Convention(colour=Colour.GRAY if gray else Colour.RGB)
    else:
        gray, quality = name.startswith("gray"), float(name.rpartition("q")[2])
        steps, baseline = [{"kind": "jpeg", "quality": quality, "aligned": True}], "input"
        model = "jpeg-gray" if gray else "jpeg-color"
        convention = Convention(colour=Colour.LUMA if gray else Colour.RGB)
    degradation = degradation_of(Recipe.model_validate(steps), seed=seed)
    samples = SyntheticSet(folder=folder, degradation=degradation)
    return Setting(
        name=name, model=model, baseline=baseline, samples=samples, convention=convention
    )


def _read(table: str = "paper.csv") -> Iterator[PaperRow]:
    text = (files("hiir.evaluation") / table).read_text(encoding="utf-8")
    for row in csv.DictReader(text.splitlines()):
        yield PaperRow(
            set=row["set"],
            setting=row["setting"],
            method=row["method"],
            psnr=float(row["psnr"]),
            ssim=float(row["ssim"]) if row["ssim"] else None,
        )
