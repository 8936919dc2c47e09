"""Evaluation requests, resolved into a restorer, a test set and a protocol."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from hiir.datasets.packed_images import list_images
from hiir.datasets.pair_layouts import Layout, list_pairs
from hiir.datasets.photo_files import is_gray
from hiir.degradations.recipe import Recipe
from hiir.degradations.steps import Bayer
from hiir.errors import HiirError
from hiir.evaluation.baselines import BASELINES, build_baseline
from hiir.evaluation.protocols import (
    EvaluationProtocol,
    Family,
    family_of_recipe,
    protocol_for,
    protocol_of,
)
from hiir.evaluation.restorer import Restorer, TiledRestorer
from hiir.evaluation.seeded_degradation import Degradation, degradation_of
from hiir.evaluation.test_sets import PairedSet, SampleSet, SyntheticSet
from hiir.evaluation.torch_tiles import on_device
from hiir.imaging import BayerPattern, ModelContract, TileEngine
from hiir.models.release import Release, load_release

__all__ = ["EvaluationRequest", "RequestError"]


class RequestError(HiirError):
    """A request is inconsistent or incomplete; the message says what to pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationRequest:
    """One model on one test set; the task provides the defaults of everything else."""

    model: str
    """Name of a shipped model, of a baseline, or of `release`."""
    release: Release | None = None
    """Model to measure; None for the shipped model of that name or a baseline."""
    folder: Path
    sigma: float | None = None
    quality: int | None = None
    scale: int | None = None
    recipe: Recipe | None = None
    pairs: bool = False
    layout: Layout | None = None
    """Layout of the pairs; detected by default."""
    seed: int = 0
    clip: bool = False
    gray: bool = False
    """Read clean images as gray; implied for gray files and for models of gray images."""
    noise_level: float | None = None
    """Input of models that take it, on the scale of 255; estimated per image by default."""
    engine: str = "torch"
    device: str = "cpu"
    """Device of the torch engine."""
    batch: int | None = None
    """Tiles that the torch engine runs together."""
    providers: tuple[str, ...] = ()
    """Execution providers of ONNX Runtime, the preferred first; the CPU provider by default."""
    precision: str | None = None
    """Precision of the openvino engine, `fp32` or `bf16`; by default that of the model's contract.
    """
    repository: Path = Path("model_repository")
    url: str = "http://127.0.0.1:8000"

    def __post_init__(self) -> None:
        """Load the shipped model; raises `ReleaseError` for an unknown one."""
        if self.release is not None and self.engine != "torch":
            raise RequestError(
                f"--engine {self.engine} measures what was exported: a run or a weights file is "
                "measured by --engine torch"
            )
        if self.release is None and self.model not in BASELINES:
            object.__setattr__(self, "release", load_release(self.model))

    def samples(self) -> SampleSet:
        """The test set; raises `RequestError` if its degradation is not specified."""
        if self.pairs:
            if self._asked():
                raise RequestError("pairs are degraded already: leave out " + self._asked()[0])
            return PairedSet(folder=self.folder, layout=self.layout)
        return SyntheticSet(folder=self.folder, degradation=self._degradation())

    def protocol(self) -> EvaluationProtocol:
        """The protocol of the task; raises `RequestError` as `samples` does."""
        if self.release is not None:
            return protocol_for(self.release.contract)
        if self.pairs:
            paths = tuple(pair.clean for pair in list_pairs(self.folder, layout=self.layout))
            family, scale = Family.OTHER, self.samples().scale
        else:
            recipe = self._recipe()
            paths = list_images(self.folder)
            family, scale = family_of_recipe(recipe), recipe.scale
        gray = self.gray or all(is_gray(path) for path in paths)
        return protocol_of(family, scale=scale, gray=gray)

    def restorer(self, name: str | None = None) -> Restorer:
        """Return the model, or a baseline by name, on the requested engine."""
        if name in BASELINES or self.release is None:
            return build_baseline(
                name or self.model,
                scale=self.samples().scale,
                sigma=self.sigma,
                pattern=self._pattern(),
            )
        if name is not None:
            raise RequestError(f"no baseline {name!r}; there are {', '.join(BASELINES)}")
        contract = self.release.contract
        if self.noise_level is not None and not contract.noise_level:
            raise RequestError(f"{contract.name} takes no noise level: leave out --noise-level")
        # Imported late: only these engines need an HTTP client, ONNX Runtime or OpenVINO.
        if self.engine == "service":
            from hiir.evaluation.service_restorer import ServiceRestorer  # noqa: PLC0415

            pattern = self._pattern() if contract.task == "demosaic" else None
            if contract.task == "demosaic" and pattern is None:
                raise RequestError(
                    "the service needs a set in which all mosaics have one Bayer pattern"
                )
            return ServiceRestorer(
                url=self.url, task=contract.name, pattern=pattern, noise_level=self.noise_level
            )
        if self.engine in {"onnx", "openvino"}:
            engine = self._graph_engine(contract)
            return TiledRestorer(contract=contract, engine=engine, noise_level=self.noise_level)
        return on_device(
            self.release, device=self.device, batch=self.batch, noise_level=self.noise_level
        )

    def _graph_engine(self, contract: ModelContract) -> TileEngine:
        graph = self.repository / contract.name / "1" / "model.onnx"
        if not graph.is_file():
            raise RequestError(f"{graph} does not exist: run `hiir export {contract.name}` first")
        if self.engine == "openvino":
            from hiir.evaluation.openvino_tiles import OpenVinoTiles  # noqa: PLC0415

            return OpenVinoTiles(graph, precision=self.precision or contract.precision)
        from hiir.evaluation.onnx_tiles import CPU_PROVIDER, OnnxTiles  # noqa: PLC0415

        return OnnxTiles(graph, providers=self.providers or (CPU_PROVIDER,))

    def _pattern(self) -> BayerPattern | None:
        """The pattern that all mosaics share; None if there are several, or no mosaics."""
        if self.pairs:
            return None
        steps = [step for step in self._recipe().root if isinstance(step, Bayer)]
        patterns = {pattern for step in steps for pattern in step.patterns}
        return patterns.pop() if len(patterns) == 1 else None

    def _asked(self) -> list[str]:
        asked = {
            "--sigma": self.sigma,
            "--quality": self.quality,
            "--scale": self.scale,
            "--degrade": self.recipe,
        }
        return [option for option, value in asked.items() if value is not None]

    def _degradation(self) -> Degradation:
        return degradation_of(self._recipe(), seed=self.seed)

    def _recipe(self) -> Recipe:
        asked = self._asked()
        if len(asked) > 1:
            raise RequestError(f"give one of {' and '.join(asked)}, not all")
        if self.recipe is not None:
            return self.recipe
        if self.sigma is not None:
            return _validated(kind="noise", sigma=self.sigma, clip_share=float(self.clip))
        if self.quality is not None:
            return _validated(kind="jpeg", quality=self.quality, aligned=True)
        if self.scale is not None:
            return _reduction(self.scale)
        return self._by_task()

    def _by_task(self) -> Recipe:
        """The degradation that the task implies."""
        if self.model == "malvar":
            return _mosaic()
        if self.release is not None:
            contract = self.release.contract
            if contract.scale > 1:
                return _reduction(contract.scale)
            if contract.task == "demosaic":
                return _mosaic()
        raise RequestError(
            "say how the images are degraded: --sigma, --quality, --scale, --degrade or --pairs"
        )


def _reduction(scale: int) -> Recipe:
    return _validated(kind="downscale", factor=scale)


def _validated(**step: object) -> Recipe:
    """Return a recipe of one step; raises `RequestError` if the step rejects its values."""
    try:
        return Recipe.model_validate([step])
    except ValidationError as error:
        problems = "; ".join(problem["msg"] for problem in error.errors())
        raise RequestError(f"images cannot be degraded like this: {problems}") from error


def _mosaic() -> Recipe:
    return _validated(kind="bayer", patterns=["rggb"])
