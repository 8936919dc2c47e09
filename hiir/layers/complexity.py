"""Time, space and receptive field of a transformer layer, by kind of attention.

Provenance: Hi-IR, Appendix C and Table 19, for the layers that are built here. Symbols: a plane of
H x W tokens of C channels, h heads, windows of p x p tokens, regions of P x P, a feed-forward
network of ratio g (its widest layer has g C channels).

| attention | time, multiply-accumulates | space, values | two layers see, along a side |
|---|---|---|---|
| global | (4 + 2g) HWC^2 + 2 (HW)^2 C | 4 HWC + h (HW)^2 | everything |
| window, shifted | (4 + 2g) HWC^2 + 2 p^2 HWC | 4 HWC + h p^2 HW | 2p |
| Hi-IR | (5 + 2g) HWC^2 + 3 p^2 HWC + 9g HWC | 3 HWC + h p^2 HW | 4P |

Time counts attention and feed-forward network. Hi-IR has two attentions whose queries and keys are
half as wide, which makes 3/2 p^2 HWC each, and one projection for both; its last term is L3's
depthwise convolution, small beside the others. Space counts what must be there at once: the input,
queries, keys, values, and the attention map. With regions of P tokens the field grows with P while
neither time nor space depend on it: shifted windows of the same field cost a (2P / p)^2-fold map.
"""

from dataclasses import dataclass

__all__ = ["Complexity", "global_attention", "hierarchical_attention", "window_attention"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Complexity:
    """Cost and receptive field of a layer."""

    time: int
    """Multiply-accumulates of attention and feed-forward network."""
    space: int
    """Values in memory at once: input, q, k, v and the attention map."""
    receptive_field: int
    """The most tokens along a side that a token depends on after two layers."""


def global_attention(
    *, height: int, width: int, channels: int, heads: int, expansion: int = 2
) -> Complexity:
    """Cost of attention from every token to every token: quadratic in the image."""
    tokens = height * width
    return Complexity(
        time=(4 + 2 * expansion) * tokens * channels**2 + 2 * tokens**2 * channels,
        space=4 * tokens * channels + heads * tokens**2,
        receptive_field=max(height, width),
    )


def window_attention(
    *, height: int, width: int, channels: int, heads: int, window: int, expansion: int = 2
) -> Complexity:
    """Cost of attention inside windows, which every other layer shifts by half a window."""
    tokens = height * width
    return Complexity(
        time=(4 + 2 * expansion) * tokens * channels**2 + 2 * tokens * window**2 * channels,
        space=4 * tokens * channels + heads * tokens * window**2,
        receptive_field=2 * window,
    )


def hierarchical_attention(
    *,
    height: int,
    width: int,
    channels: int,
    heads: int,
    window: int,
    region: int,
    expansion: int = 2,
) -> Complexity:
    """Cost of L1 in windows, L2 across regions, and L3 with a 3x3 convolution.

    A region costs no more than a window. L3 carries information one token across the border of a
    region, and the next layer spreads it over the neighbor: the field of one layer covers two
    regions, that of two layers four. The squeeze-excite (linear in the tokens, and tiny) is left
    out.
    """
    tokens = height * width
    linear = (5 + 2 * expansion) * tokens * channels**2
    attention = 3 * tokens * window**2 * channels
    return Complexity(
        time=linear + attention + 9 * expansion * tokens * channels,
        space=3 * tokens * channels + heads * tokens * window**2,
        receptive_field=4 * region,
    )
