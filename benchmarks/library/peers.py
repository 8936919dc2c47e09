"""Blocks of the shape of SwinIR's and Restormer's, as wide as ours and with as many parameters.

Written for the comparison of time, from their papers: shifted-window attention with a bias table
and an MLP; transposed attention across channels with a gated feed-forward network. What is left
over to equal parameters goes into the feed-forward network.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

_WINDOW = 8


class ShiftedWindowBlock(nn.Module):
    """SwinIR-shaped, on ``(B, H, W, C)``; every other block of a model shifts, this one does."""

    def __init__(self, *, channels: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm_attention = nn.LayerNorm(channels)
        self.qkv = nn.Linear(channels, 3 * channels)
        self.table = nn.Parameter(torch.zeros(heads, (2 * _WINDOW - 1) ** 2))
        position = torch.arange(_WINDOW)
        grid = torch.stack(torch.meshgrid(position, position, indexing="ij"), dim=-1).view(-1, 2)
        delta = grid[:, None] - grid[None] + _WINDOW - 1
        self.register_buffer("index", delta[..., 0] * (2 * _WINDOW - 1) + delta[..., 1])
        self.project = nn.Linear(channels, channels)
        self.norm_mlp = nn.LayerNorm(channels)
        self.mlp = nn.Sequential(
            nn.Linear(channels, hidden), nn.GELU(), nn.Linear(hidden, channels)
        )

    def forward(self, tokens: Tensor) -> Tensor:
        b, h, w, c = tokens.shape
        shift = _WINDOW // 2
        shifted = torch.roll(self.norm_attention(tokens), (-shift, -shift), dims=(1, 2))
        windows = _cut(shifted)
        q, k, v = self.qkv(windows).view(-1, _WINDOW**2, 3, self.heads, c // self.heads).unbind(2)
        q, k, v = (part.transpose(1, 2) for part in (q, k, v))
        bias = self.table[:, self.index]
        mask = self._mask(h, w, tokens)
        logits = (q * (c // self.heads) ** -0.5) @ k.transpose(-2, -1) + bias
        logits = logits.view(b, -1, *logits.shape[1:]) + mask[None, :, None]
        mixed = logits.flatten(0, 1).softmax(dim=-1) @ v
        windows = self.project(mixed.transpose(1, 2).reshape(-1, _WINDOW**2, c))
        plane = windows.view(b, h // _WINDOW, w // _WINDOW, _WINDOW, _WINDOW, c)
        plane = plane.transpose(2, 3).reshape(b, h, w, c)
        tokens = tokens + torch.roll(plane, (shift, shift), dims=(1, 2))
        return tokens + self.mlp(self.norm_mlp(tokens))

    def _mask(self, height: int, width: int, like: Tensor) -> Tensor:
        """Nearly nothing between tokens that the shift brought together from opposite borders."""
        zones = like.new_zeros(1, height, width, 1)
        shift = _WINDOW // 2
        bands = (slice(-_WINDOW), slice(-_WINDOW, -shift), slice(-shift, None))
        for i, rows in enumerate(bands):
            for j, columns in enumerate(bands):
                zones[:, rows, columns] = 3 * i + j
        flat = _cut(zones)[..., 0]
        return (flat[:, None] != flat[:, :, None]).to(like.dtype) * -1e4


class TransposedBlock(nn.Module):
    """Restormer-shaped, on ``(B, C, H, W)``."""

    def __init__(self, *, channels: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm_attention = nn.GroupNorm(1, channels)
        self.qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.qkv_depthwise = nn.Conv2d(
            3 * channels, 3 * channels, 3, padding=1, groups=3 * channels
        )
        self.temperature = nn.Parameter(torch.ones(heads, 1, 1))
        self.project = nn.Conv2d(channels, channels, 1)
        self.norm_feedforward = nn.GroupNorm(1, channels)
        self.expand = nn.Conv2d(channels, 2 * hidden, 1)
        self.depthwise = nn.Conv2d(2 * hidden, 2 * hidden, 3, padding=1, groups=2 * hidden)
        self.contract = nn.Conv2d(hidden, channels, 1)

    def forward(self, plane: Tensor) -> Tensor:
        b, c, h, w = plane.shape
        qkv = self.qkv_depthwise(self.qkv(self.norm_attention(plane)))
        q, k, v = qkv.view(b, 3, self.heads, c // self.heads, h * w).unbind(1)
        q, k = functional.normalize(q, dim=-1), functional.normalize(k, dim=-1)
        weights = (q @ k.transpose(-2, -1) * self.temperature).softmax(dim=-1)
        plane = plane + self.project((weights @ v).view(b, c, h, w))
        gate, value = self.depthwise(self.expand(self.norm_feedforward(plane))).chunk(2, dim=1)
        return plane + self.contract(functional.gelu(gate) * value)


def with_parameters(build: Callable[[int], nn.Module], wanted: int) -> nn.Module:
    """The block whose hidden width brings its parameters nearest to the wanted number."""
    low, high = count(build(16)), count(build(32))
    per_channel = (high - low) / 16
    return build(max(1, round(16 + (wanted - low) / per_channel)))


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _cut(tokens: Tensor) -> Tensor:
    b, h, w, c = tokens.shape
    cells = tokens.view(b, h // _WINDOW, _WINDOW, w // _WINDOW, _WINDOW, c)
    return cells.transpose(2, 3).reshape(-1, _WINDOW**2, c)
