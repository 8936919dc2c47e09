"""A tiny run of every shipped experiment, end to end: from degradation to Triton."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.data import astronaut, coffee

from hiir.evaluation.evaluate import Evaluation, evaluate
from hiir.evaluation.onnx_tiles import OnnxTiles
from hiir.evaluation.protocols import protocol_for
from hiir.evaluation.restorer import TiledRestorer
from hiir.evaluation.seeded_degradation import degradation_of
from hiir.evaluation.test_sets import SyntheticSet
from hiir.evaluation.torch_tiles import TorchTiles
from hiir.export.triton import export_release
from hiir.imaging import ModelContract, TileEngine
from hiir.models.presets import build_model
from hiir.models.release import Release
from hiir.training.config import TrainingConfig
from hiir.training.ema import WeightAverage
from hiir.training.experiments import list_configs, load_config
from hiir.training.flat_weights import FlatWeights
from hiir.training.loop import train
from hiir.training.run_folder import RunFolder
from hiir.training.validation import Validation, Validator
from service.embedded.triton import TritonServer
from service.inference.triton import TritonClient
from service.settings import InferenceSettings

pytestmark = pytest.mark.integration

SHIPPED = [name for name in list_configs() if not name.startswith("paper-")]
STEPS = 24
# The validation loss after so few steps, at most, as a share of what it was before the first.
# Noise is what a network of this size learns least of in so little time.
FACTOR = {"denoise-color": 0.95, "denoise-gray": 0.95}
USUAL_FACTOR = 0.6


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("photos")
    for name, photo in (("train", astronaut()), ("validation", coffee())):
        (root / name).mkdir()
        # With room for the margin of every recipe around a patch.
        Image.fromarray(np.ascontiguousarray(photo[:400, 100:500])).save(root / name / "0.png")
    return root


def tiny(name: str, photos: Path) -> TrainingConfig:
    """The experiment on one photo, with the smallest network that its preset can be."""
    columnar = name.startswith("sr-")
    model = (
        "{width: 16, heads: 2, layers: [1]}"
        if columnar
        else "{width: 8, heads: [1, 2, 4], layers: [1, 1, 1], decoder_layers: [1, 1]}"
    )
    # What the network works on without padding.
    patch = 32 * load_config(name).data.degradation.scale if columnar else 64
    return load_config(
        name,
        overrides=(
            f"model={model}",
            "init=null",
            f"data.root={photos}",
            "data.train=[train]",
            "data.validation=validation",
            f"data.cache={photos / 'cache'}",
            "duration=null",
            f"phases=[{{until: {STEPS}, batch: 2, patch: {patch}}}]",
            "schedule.warmup=4",
            "optimizer.lr=4.0e-3",
            "ema=0.5",
            "validation_images=1",
            f"validation_crop={patch}",
            f"log_every={STEPS}",
            "bf16=false",
        ),
    )


@dataclass(frozen=True, kw_only=True)
class Trained:
    """What a tiny run came to."""

    config: TrainingConfig
    release: Release
    before: Validation
    after: Validation


@pytest.fixture(scope="module")
def trained(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Trained]:
    """Every experiment's run."""
    return {name: run(tiny(name, photos), tmp_path_factory.mktemp(name)) for name in SHIPPED}


def run(config: TrainingConfig, folder: Path) -> Trained:
    """Train to the end, and take the averaged weights from the checkpoint."""
    torch.manual_seed(config.seed)
    model = build_model(config.preset, config.model)
    weights = FlatWeights(model, dtype=torch.float32)
    average = WeightAverage(weights, decay=config.ema)
    validator = Validator(config, device=torch.device("cpu"))
    before = validator.score(average)
    train(config, RunFolder(folder))
    checkpoint = RunFolder(folder).load()
    assert checkpoint is not None
    assert checkpoint.step == STEPS
    average.load(dict(checkpoint.average))
    average.copy_to(model)
    sides = model.config
    contract = ModelContract(
        name=config.name,
        task=config.release.task,
        version="1",
        architecture=config.preset,
        scale=sides.upscale,
        input_channels=sides.in_channels,
        output_channels=sides.out_channels,
        tile=max(64, sides.size_multiple),
        overlap=16,
        size_multiple=sides.size_multiple,
        sha256="0" * 64,
        provenance={"data": "a photo"},
        quality={},
        noise_level=config.data.noise_level_map,
        source=config.release.source,
    )
    release = Release(model=model.eval().fuse(), contract=contract)
    return Trained(config=config, release=release, before=before, after=validator.score(average))


@pytest.fixture(scope="module")
def repository(trained: dict[str, Trained], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All of them, exported for Triton; export checks each graph against its module."""
    root = tmp_path_factory.mktemp("repository")
    for one in trained.values():
        assert export_release(one.release, root)
    return root


@pytest.fixture(scope="module")
def triton(
    repository: Path, triton_server: Callable[[Path], TritonServer]
) -> Iterator[TritonClient]:
    server = triton_server(repository)
    client = TritonClient(url=server.url, settings=InferenceSettings())
    yield client
    client.close()


@pytest.mark.parametrize("name", SHIPPED)
def test_a_tiny_run_lowers_the_validation_loss(name: str, trained: dict[str, Trained]) -> None:
    one = trained[name]
    assert one.after.loss < FACTOR.get(name, USUAL_FACTOR) * one.before.loss
    assert set(one.after.psnr) == {item.label for item in one.config.validation}


@pytest.mark.parametrize("name", SHIPPED)
def test_triton_restores_as_the_trained_module_does(
    name: str, trained: dict[str, Trained], repository: Path, triton: TritonClient
) -> None:
    one = trained[name]
    contract = one.release.contract
    by_module = measure(one, TorchTiles(one.release))
    by_graph = measure(one, OnnxTiles(repository / name / "1" / "model.onnx"))
    with triton.engine(contract) as engine:
        engine.require_model()
        by_triton = measure(one, engine)
    assert by_graph == pytest.approx(by_module, abs=1e-3)
    assert by_triton == pytest.approx(by_module, abs=1e-3)


def measure(one: Trained, engine: TileEngine) -> float:
    """PSNR in dB on the validation photo, degraded as the experiment validates first."""
    contract, data = one.release.contract, one.config.data
    recipe = one.config.validation[0].degradation
    samples = SyntheticSet(
        folder=data.root / data.validation, degradation=degradation_of(recipe, seed=0)
    )
    evaluation: Evaluation = evaluate(
        TiledRestorer(contract=contract, engine=engine),
        samples,
        protocol_for(contract),
    )
    return evaluation.psnr
