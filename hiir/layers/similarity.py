"""Similarity of queries and keys: the formula that all attentions share.

Provenance: Hi-IR, section 4 with Eq. 4-5 and Table 5 (dot product against cosine similarity when
the model is scaled up); the bound of the temperature is Swin V2's.
"""

from enum import StrEnum

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["Similarity", "attend", "attend_fused", "scale_parameter", "scaled_query_and_key"]

# Swin V2 keeps the learned temperature of cosine attention at 0.01 or more.
_MAX_COSINE_SCALE = 100.0
_INITIAL_COSINE_SCALE = 10.0


class Similarity(StrEnum):
    """The similarity of a query and a key."""

    DOT = "dot"
    COSINE = "cosine"


def scale_parameter(similarity: Similarity, *, heads: int, head_channels: int) -> nn.Parameter:
    """Return the initial learned scale ``(heads, 1, 1)`` of the logits."""
    dot = similarity is Similarity.DOT
    return nn.Parameter(
        torch.full((heads, 1, 1), head_channels**-0.5 if dot else _INITIAL_COSINE_SCALE)
    )


def scaled_query_and_key(
    q: Tensor, k: Tensor, *, scale: Tensor, similarity: Similarity
) -> tuple[Tensor, Tensor]:
    """Queries and keys ``(N, heads, T, D)`` whose inner products are the logits without bias."""
    if similarity is Similarity.COSINE:
        q, k = functional.normalize(q, dim=-1), functional.normalize(k, dim=-1)
        scale = scale.clamp(max=_MAX_COSINE_SCALE)
    return q * scale, k


def attend(q: Tensor, k: Tensor, v: Tensor, *, bias: Tensor) -> Tensor:
    """Compute softmax attention without a fused kernel: any widths, gradients for all inputs.

    Args:
        q: ``(N, heads, T, D)``, scaled.
        k: ``(N, heads, T, D)``.
        v: ``(N, heads, T, E)``.
        bias: ``(heads, T, T)``.

    Returns:
        ``(N, heads, T, E)``.
    """
    mixed: Tensor = (q @ k.transpose(-2, -1) + bias).softmax(dim=-1) @ v
    return mixed


def attend_fused(q: Tensor, k: Tensor, v: Tensor, *, bias: Tensor) -> Tensor:
    """Compute :func:`attend` with torch's fused kernel, with no ``T x T`` map; needs ``D == E``."""
    return functional.scaled_dot_product_attention(q, k, v, attn_mask=bias[None], scale=1.0)
