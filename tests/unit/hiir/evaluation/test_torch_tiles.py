import numpy as np
import pytest
import torch

from hiir.evaluation.restorer import RestorerError, TiledRestorer
from hiir.evaluation.torch_tiles import TorchTiles, open_device
from hiir.models.release import Release


class Counting(torch.nn.Module):
    """Gives back what it is given, and remembers the batches."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[int] = []

    def forward(self, tiles: torch.Tensor) -> torch.Tensor:
        self.batches.append(len(tiles))
        return tiles


@pytest.fixture
def contract(make_contract):
    return make_contract(tile=32, overlap=8, size_multiple=8)


def image(height: int, width: int, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(0).random((height, width, channels), np.float32)


@pytest.mark.parametrize(("batch", "batches"), [(1, [1] * 9), (4, [4, 4, 1]), (16, [9])])
def test_tiles_run_in_batches_and_come_back_in_their_places(contract, batch, batches) -> None:
    model = Counting()
    engine = TorchTiles(Release(model=model, contract=contract), batch=batch)
    restorer = TiledRestorer(contract=contract, engine=engine, in_flight=batch)
    pixels = image(80, 80)
    restored = restorer.restore(pixels)
    assert model.batches == batches
    np.testing.assert_array_equal(restored, np.rint(pixels * 255).astype(np.uint8))


def test_a_canceled_tile_is_not_run(contract) -> None:
    model = Counting()
    engine = TorchTiles(Release(model=model, contract=contract), batch=3)
    tile = image(32, 32).transpose(2, 0, 1)[None]
    first, second = engine.submit(tile), engine.submit(tile)
    first.cancel()
    np.testing.assert_array_equal(second.result(), tile)
    assert model.batches == [1]
    assert first.cancelled()


def test_a_network_that_takes_the_noise_level_is_told_an_estimate(make_contract) -> None:
    seen = []

    class Told(torch.nn.Module):
        def forward(self, tiles: torch.Tensor) -> torch.Tensor:
            seen.append(tiles[:, 3:])
            return tiles[:, :3]

    contract = make_contract(
        tile=32, overlap=8, size_multiple=8, input_channels=4, noise_level=True
    )
    engine = TorchTiles(Release(model=Told(), contract=contract))
    noisy = np.random.default_rng(0).normal(0.5, 25 / 255, (56, 56, 3)).astype(np.float32)
    restored = TiledRestorer(contract=contract, engine=engine).restore(noisy)
    assert restored.shape == (56, 56, 3)
    levels = torch.cat(seen).unique()
    assert len(levels) == 1
    assert float(levels) * 255 == pytest.approx(25, rel=0.15)
    seen.clear()
    TiledRestorer(contract=contract, engine=engine, noise_level=40).restore(noisy)
    assert float(torch.cat(seen).unique()) * 255 == pytest.approx(40)


def test_an_image_of_other_channels_is_refused(contract) -> None:
    engine = TorchTiles(Release(model=Counting(), contract=contract))
    restorer = TiledRestorer(contract=contract, engine=engine)
    with pytest.raises(RestorerError, match="images of 3 channels, this one has 6"):
        restorer.restore(image(32, 32, 6))


def test_a_gpu_that_is_not_there_is_named(monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(RestorerError, match="finds no GPU; use cpu"):
        open_device("cuda")
    assert open_device("cpu").type == "cpu"
