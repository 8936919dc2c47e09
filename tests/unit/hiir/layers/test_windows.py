import pytest
import torch

from hiir.layers.resampling import pixel_shuffle, pixel_unshuffle
from hiir.layers.windows import merge_windows, split_windows


@pytest.mark.parametrize(("window", "region"), [(4, 4), (4, 8), (4, 16), (2, 8)])
def test_merging_undoes_splitting(window: int, region: int) -> None:
    tokens = torch.rand(2, 2 * region, 3 * region, 5)
    windows = split_windows(tokens, window=window, region=region)
    assert windows.shape == (2 * 6 * (region // window) ** 2, window**2, 5)
    back = merge_windows(windows, height=2 * region, width=3 * region, window=window, region=region)
    assert torch.equal(back, tokens)


def test_a_dispersed_window_holds_the_same_offset_of_every_cell() -> None:
    rows = torch.arange(16.0)
    tokens = torch.stack(torch.meshgrid(rows, rows, indexing="ij"), dim=-1)[None]
    windows = split_windows(tokens, window=4, region=16)
    for window in windows:
        assert len({(float(y) % 4, float(x) % 4) for y, x in window}) == 1
    assert len({tuple(window.flatten().tolist()) for window in windows}) == 16


def test_a_contiguous_window_is_a_square_patch() -> None:
    rows = torch.arange(8.0)
    tokens = torch.stack(torch.meshgrid(rows, rows, indexing="ij"), dim=-1)[None]
    for window in split_windows(tokens, window=4, region=4):
        assert (window.amax(dim=0) - window.amin(dim=0)).tolist() == [3, 3]


@pytest.mark.parametrize("factor", [1, 2, 3])
def test_unfolding_undoes_folding(factor: int) -> None:
    tokens = torch.rand(2, 6, 12, 3)
    folded = pixel_unshuffle(tokens, factor)
    assert folded.shape == (2, 6 // factor, 12 // factor, 3 * factor**2)
    assert torch.equal(pixel_shuffle(folded, factor), tokens)
