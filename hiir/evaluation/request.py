"""What a user asks to be measured, resolved into a restorer, a test set and a convention."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from hiir.datasets.pairs import list_pairs
from hiir.datasets.photo import is_gray
from hiir.datasets.pool import list_images
from hiir.degradations.recipe import Recipe
from hiir.errors import HiirError
from hiir.evaluation.baselines import BASELINES, build_baseline
from hiir.evaluation.conventions import (
    Convention,
    convention_for_baseline,
    convention_for_task,
)
from hiir.evaluation.degradation import Degradation, degradation_of
from hiir.evaluation.restorer import Restorer, TiledRestorer
from hiir.evaluation.samples import PairedSet, SampleSet, SyntheticSet
from hiir.evaluation.torch_tiles import TorchTiles
from hiir.imaging import BayerPattern, ModelContract
from hiir.models.release import load_release

__all__ = ["EvaluationRequest", "RequestError"]


class RequestError(HiirError):
    """A request contradicts itself or leaves something open; the message says what to give."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationRequest:
    """One model on one set; everything else has a default that the task knows."""

    model: str
    """A shipped model or a baseline."""
    folder: Path
    sigma: float | None = None
    quality: int | None = None
    scale: int | None = None
    recipe: Recipe | None = None
    pairs: bool = False
    seed: int = 0
    clip: bool = False
    gray: bool = False
    """Read clean images as gray; what is gray already, and models of gray images, need no word."""
    engine: str = "torch"
    repository: Path = Path("model_repository")
    url: str = "http://127.0.0.1:8000"

    @property
    def is_baseline(self) -> bool:
        """Whether the model is a classical method."""
        return self.model in BASELINES

    def samples(self) -> SampleSet:
        """The test set; raises `RequestError` if it is not clear how it is degraded."""
        if self.pairs:
            if self._asked():
                raise RequestError("pairs are degraded already: leave out " + self._asked()[0])
            return PairedSet(folder=self.folder)
        return SyntheticSet(folder=self.folder, degradation=self._degradation())

    def convention(self) -> Convention:
        """How the task is measured; raises `RequestError` as `samples` does."""
        if not self.is_baseline:
            contract = self._contract()
            return convention_for_task(
                contract.task, scale=contract.scale, channels=contract.output_channels
            )
        recipe = None if self.pairs else self._recipe()
        if self.pairs:
            paths = tuple(pair.clean for pair in list_pairs(self.folder))
            scale = PairedSet(folder=self.folder).scale
            recipe = _reduction(scale) if scale > 1 else None
        else:
            paths = list_images(self.folder)
        gray = self.gray or all(is_gray(path) for path in paths)
        return convention_for_baseline(recipe, gray=gray)

    def restorer(self, name: str | None = None) -> Restorer:
        """The model, or a baseline by name, on the engine that is asked for."""
        name = name or self.model
        if name in BASELINES:
            scale = self.samples().scale
            return build_baseline(name, scale=scale, sigma=self.sigma)
        # Only who asks for it needs an HTTP client, or ONNX Runtime.
        if self.engine == "service":
            from hiir.evaluation.service_restorer import ServiceRestorer  # noqa: PLC0415

            demosaics = self._contract().task == "demosaic"
            pattern = BayerPattern.RGGB if demosaics else None
            return ServiceRestorer(url=self.url, task=name, pattern=pattern)
        release = load_release(name)
        if self.engine == "onnx":
            from hiir.evaluation.onnx_tiles import OnnxTiles  # noqa: PLC0415

            graph = self.repository / name / "1" / "model.onnx"
            if not graph.is_file():
                raise RequestError(f"{graph} does not exist: run `hiir export {name}` first")
            return TiledRestorer(contract=release.contract, engine=OnnxTiles(graph))
        return TiledRestorer(contract=release.contract, engine=TorchTiles(release))

    def _contract(self) -> ModelContract:
        return load_release(self.model).contract

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
        """Tasks of one degradation need no word."""
        if self.model == "malvar":
            return _mosaic()
        if not self.is_baseline:
            contract = self._contract()
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
    """A recipe of one step; raises `RequestError` for a strength that the step refuses."""
    try:
        return Recipe.model_validate([step])
    except ValidationError as error:
        problems = "; ".join(problem["msg"] for problem in error.errors())
        raise RequestError(f"images cannot be degraded like this: {problems}") from error


def _mosaic() -> Recipe:
    return _validated(kind="bayer", patterns=["rggb"])
