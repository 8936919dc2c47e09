"""The mathematics of a Hi-IR layer as one writes it down from the paper: the yardstick for ours.

Planes are NCHW between the parts, windows are cut with `unfold`-like reshapes, the position bias is
computed at every call, attention is softmax(q k / sqrt(d) + b) v step by step, and L3 is a
sequence of convolutions. It takes the weights of our layer, so that the two can be held together.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from hiir.layers.attention import WindowAttention
from hiir.layers.feedforward import LocalFeedForward
from hiir.layers.hierarchical import HierarchicalLayer
from hiir.layers.stage import Stage
from hiir.models.architecture import RestorationModel


class TextbookAttention(nn.Module):
    def __init__(self, ours: WindowAttention) -> None:
        super().__init__()
        self.ours = ours
        self.qkv = nn.Linear(ours.channels, ours.qkv.out_features)
        self.qkv.load_state_dict(ours.qkv.state_dict())

    def forward(self, plane: Tensor) -> Tensor:
        b, c, h, w = plane.shape
        side, heads, stride = (
            self.ours.window,
            self.ours.heads,
            self.ours.region // self.ours.window,
        )
        region = self.ours.region
        cells = plane.reshape(b, c, h // region, side, stride, w // region, side, stride)
        windows = cells.permute(0, 2, 5, 4, 7, 3, 6, 1).reshape(-1, side * side, c)
        widths = [self.ours.qk_channels, self.ours.qk_channels, c]
        q, k, v = (
            part.reshape(part.shape[0], side * side, heads, -1).permute(0, 2, 1, 3)
            for part in self.qkv(windows).split(widths, dim=-1)
        )
        logits = (q @ k.transpose(-2, -1)) * self.ours.scale
        logits = logits + self.ours.position_bias()
        mixed = functional.softmax(logits, dim=-1) @ v
        windows = mixed.permute(0, 2, 1, 3).reshape(-1, side * side, c)
        cells = windows.reshape(b, h // region, w // region, stride, stride, side, side, c)
        return cells.permute(0, 7, 1, 5, 3, 2, 6, 4).reshape(b, c, h, w)


class TextbookFeedForward(nn.Module):
    def __init__(self, ours: LocalFeedForward) -> None:
        super().__init__()
        self.expand = _pointwise(ours.expand)
        self.depthwise = ours.depthwise
        self.squeeze = _pointwise(ours.squeeze)
        self.excite = _pointwise(ours.excite)
        self.project = _pointwise(ours.project)

    def forward(self, plane: Tensor) -> Tensor:
        hidden = functional.gelu(self.expand(plane))
        hidden = functional.gelu(self.depthwise(hidden))
        gate = functional.adaptive_avg_pool2d(hidden, 1)
        gate = torch.sigmoid(self.excite(functional.relu(self.squeeze(gate))))
        return self.project(hidden * gate)


class TextbookLayer(nn.Module):
    """Takes and gives ``(B, H, W, C)``, as ours does."""

    def __init__(self, ours: HierarchicalLayer) -> None:
        super().__init__()
        self.ours = ours
        self.local = TextbookAttention(ours.local)
        self.dispersed = TextbookAttention(ours.dispersed)
        self.feedforward = TextbookFeedForward(ours.feedforward)

    def forward(self, tokens: Tensor) -> Tensor:
        plane = self.ours.norm_attention(tokens).permute(0, 3, 1, 2).contiguous()
        mixed = self.dispersed(self.local(plane)).permute(0, 2, 3, 1)
        tokens = tokens + self.ours.project(mixed)
        plane = self.ours.norm_feedforward(tokens).permute(0, 3, 1, 2).contiguous()
        return tokens + self.feedforward(plane).permute(0, 2, 3, 1).contiguous()


def textbook_model(model: RestorationModel) -> RestorationModel:
    """Replace every layer of a model, in place, by its textbook twin."""
    for stage in model.modules():
        if isinstance(stage, Stage):
            stage.layers = nn.Sequential(*(TextbookLayer(layer) for layer in stage.layers))
    return model


def _pointwise(linear: nn.Linear) -> nn.Conv2d:
    convolution = nn.Conv2d(linear.in_features, linear.out_features, 1)
    with torch.no_grad():
        convolution.weight.copy_(linear.weight[:, :, None, None])
        convolution.bias.copy_(linear.bias)
    return convolution
