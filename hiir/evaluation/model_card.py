"""The generated part of a model card, so that it always matches the weights file.

A card is `docs/models/NAME.md`. The part between its two markers is generated from the metadata of
the released weights and from published results; the rest is written by hand.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from hiir.errors import HiirError
from hiir.evaluation.baselines import BASELINES
from hiir.evaluation.paper_tables import PaperRow, paper_rows, reference_rows
from hiir.evaluation.tiling_artifacts import tiling_from_quality
from hiir.imaging import ModelContract
from hiir.models.flops import measure_cost
from hiir.models.presets import get_preset
from hiir.models.release import load_release, zoo_path

__all__ = ["CardError", "card_facts", "update_card"]

_BEGIN, _END = "<!-- facts: written by `hiir models --card` -->", "<!-- /facts -->"
_HEADINGS = ("## Training", "## Limits")
_SIDE = 256
_PROVENANCE = {"data": "data", "recipe": "training", "hardware": "hardware", "license": "license"}
_FORMER_KEYS = {"licence": "license"}  # of models that are shipped
_PRECISIONS = {"fp32": "float32", "bf16": "bfloat16 where the CPU has it, else float32"}


class CardError(HiirError):
    """A model card cannot be read or generated; the message names it."""


def update_card(name: str, folder: Path) -> Path:
    """Write the facts of a shipped model into its card, which is created if it does not exist.

    Raises `ReleaseError` if the model is not shipped, `CardError` if the card lacks its markers.
    """
    path = folder / f"{name}.md"
    facts = card_facts(name)
    if not path.is_file():
        text = "\n\n".join([f"# {name}", f"{_BEGIN}\n{facts}\n{_END}", *_HEADINGS]) + "\n"
    else:
        text = path.read_text(encoding="utf-8")
        before, begin, rest = text.partition(_BEGIN)
        inside, end, after = rest.partition(_END)
        if not begin or not end or _BEGIN in before + inside:
            raise CardError(f"{path} must have the marks {_BEGIN} and {_END}, once each")
        text = f"{before}{_BEGIN}\n{facts}\n{_END}{after}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def card_facts(name: str) -> str:
    """Return the description and the measurements of a model in Markdown; raises `ReleaseError`."""
    contract = load_release(name).contract
    return "\n".join([*_description(contract), *_tables(contract), *_tiling_table(contract)])


def _description(contract: ModelContract) -> Iterator[str]:
    config = get_preset(contract.architecture)
    cost = measure_cost(config, height=_SIDE, width=_SIDE)
    path = zoo_path(contract.name)
    per_pixel = cost.macs / _SIDE**2
    yield "| | |"
    yield "|---|---|"
    yield f"| architecture | preset `{contract.architecture}`, {cost.parameters:,} parameters |"
    yield (
        f"| input, output | {contract.input_channels} channels; {contract.output_channels} "
        f"channels at {contract.scale}x the size |"
    )
    yield f"| cost | {per_pixel / 1e3:,.0f} GMACs per input megapixel |"
    pace = contract.quality.get("cpu-seconds-per-megapixel")
    if pace is not None:
        yield f"| time | {pace:.1f} s of one CPU core per output megapixel |"
    yield (
        f"| served as | tiles of up to {contract.tile} pixels a side that overlap by at least "
        f"{contract.overlap}, {_PRECISIONS[contract.precision]} |"
    )
    yield (
        f"| weights | `hiir/zoo/{path.name}`, version {contract.version}, "
        f"{path.stat().st_size / 1e6:.1f} MB, SHA-256 `{contract.sha256[:16]}…` |"
    )
    steps, seed = (contract.provenance.get(key, "?") for key in ("steps", "seed"))
    yield f"| training length | {steps} steps, seed {seed} |"
    provenance = {_FORMER_KEYS.get(key, key): value for key, value in contract.provenance.items()}
    for key, title in _PROVENANCE.items():
        yield f"| {title} | {provenance.get(key, 'not stated')} |"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Figure:
    """One entry of a contract's `quality`: `SET[-SETTING][-BASELINE]-METRIC`."""

    set: str
    setting: str
    baseline: str | None
    metric: str
    value: float

    @classmethod
    def read(cls, key: str, value: float) -> "_Figure | None":
        test_set, *middle, metric = key.split("-")
        if metric not in {"psnr", "ssim"} or not test_set:
            return None
        baseline = middle.pop() if middle and middle[-1] in BASELINES else None
        return cls(
            set=test_set,
            setting="-".join(middle),
            baseline=baseline,
            metric=metric,
            value=value,
        )


def _tables(contract: ModelContract) -> Iterator[str]:
    figures = [
        figure
        for key, value in sorted(contract.quality.items())
        if (figure := _Figure.read(key, value)) is not None
    ]
    for test_set in dict.fromkeys(figure.set for figure in figures):
        yield ""
        yield from _table(contract, [figure for figure in figures if figure.set == test_set])


def _table(contract: ModelContract, figures: list[_Figure]) -> Iterator[str]:
    """Yield a table of one set: PSNR, and SSIM if it is known, with a column for each setting."""
    settings = list(dict.fromkeys(figure.setting for figure in figures))
    published = {setting: _published(contract, figures[0].set, setting) for setting in settings}
    title = next((row.set for rows in published.values() for row in rows), figures[0].set)
    yield "| " + " | ".join([title, *(setting or "as provided" for setting in settings)]) + " |"
    yield "|---" * (1 + len(settings)) + "|"
    for baseline in dict.fromkeys(figure.baseline for figure in figures if figure.baseline):
        yield _row(f"{baseline}, measured", settings, _values(figures, baseline))
    yield _row(f"**{contract.name}**", settings, _values(figures, None), strong=True)
    for method in dict.fromkeys(row.method for rows in published.values() for row in rows):
        values = {
            setting: {"psnr": row.psnr, **({} if row.ssim is None else {"ssim": row.ssim})}
            for setting, rows in published.items()
            for row in rows
            if row.method == method
        }
        yield _row(f"{method}, as published", settings, values)


def _tiling_table(contract: ModelContract) -> Iterator[str]:
    """Yield a table of the effects of tiling, if they were measured."""
    pictures = tiling_from_quality(contract.quality)
    if not pictures:
        return
    yield ""
    yield f"| tiled compared with the whole image at once | {' | '.join(pictures)} |"
    yield "|---" * (1 + len(pictures)) + "|"
    found = pictures.values()
    for title, values in (
        ("extra step at tile borders, in levels of 255", [f"{one.seam:+.2f}" for one in found]),
        ("PSNR between the two, in dB", [f"{one.agreement:.1f}" for one in found]),
        ("largest difference, in levels of 255", [f"{one.difference:.1f}" for one in found]),
    ):
        yield f"| {title} | {' | '.join(values)} |"


def _published(contract: ModelContract, test_set: str, setting: str) -> tuple[PaperRow, ...]:
    gray = f"gray {setting}"
    names = (gray, setting) if contract.output_channels == 1 else (setting,)
    rows = ((*reference_rows(test_set, name), *paper_rows(test_set, name)) for name in names)
    return next((found for found in rows if found), ())


def _values(figures: list[_Figure], baseline: str | None) -> Mapping[str, Mapping[str, float]]:
    values: dict[str, dict[str, float]] = {}
    for figure in figures:
        if figure.baseline == baseline:
            values.setdefault(figure.setting, {})[figure.metric] = figure.value
    return values


def _row(
    method: str,
    settings: list[str],
    values: Mapping[str, Mapping[str, float]],
    *,
    strong: bool = False,
) -> str:
    cells = []
    for setting in settings:
        metrics = values.get(setting, {})
        psnr = f"{metrics['psnr']:.2f}" if "psnr" in metrics else ""
        psnr = f"**{psnr}**" if strong and psnr else psnr
        ssim = f" / {metrics['ssim']:.4f}" if "ssim" in metrics else ""
        cells.append(psnr + ssim)
    return "| " + " | ".join([method, *cells]) + " |"
