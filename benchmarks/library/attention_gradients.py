"""Gradients of dot-product and cosine similarity: why the first trains large models better.

Hi-IR, Eq. 4-5 and Figure 4. For a query q and a key k

    d(q.k)/dq    = k                                  (Eq. 4)
    d(cos)/dq    = (k' - cos(q, k) q') / |q|          (Eq. 5, q' and k' of unit length)

The dot product's gradient is as large as the key; the cosine's falls with the length of the query,
and is large without bound where queries are short, as they are early in training. The logits that
are compared are those of the layers: q.k / sqrt(D), and the cosine times its starting temperature.

    python benchmarks/library/attention_gradients.py [--plot gradients.png]
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

_HEAD_CHANNELS = 15  # of Base: queries and keys at half of 180 channels, 6 heads
_TEMPERATURE = 10.0
_SAMPLES = 100_000
_DEVIATIONS = (0.03, 0.1, 0.3, 1.0)
_QUANTILES = (0.5, 0.9, 0.99, 0.999)


def dot_gradient(q: Tensor, k: Tensor) -> Tensor:
    """Eq. 4 for ``(N, D)`` queries and keys."""
    return k.expand_as(q)


def cosine_gradient(q: Tensor, k: Tensor) -> Tensor:
    """Eq. 5 for ``(N, D)`` queries and keys."""
    q_unit, k_unit = functional.normalize(q, dim=-1), functional.normalize(k, dim=-1)
    cosine = (q_unit * k_unit).sum(dim=-1, keepdim=True)
    return (k_unit - cosine * q_unit) / q.norm(dim=-1, keepdim=True)


def gradient_norms(deviation: float, *, samples: int = _SAMPLES) -> dict[str, Tensor]:
    """Lengths of the logits' gradients for Gaussian queries and keys of a standard deviation."""
    generator = torch.Generator().manual_seed(0)
    q, k = deviation * torch.randn(2, samples, _HEAD_CHANNELS, generator=generator)
    return {
        "dot": dot_gradient(q, k).norm(dim=-1) / _HEAD_CHANNELS**0.5,
        "cosine": _TEMPERATURE * cosine_gradient(q, k).norm(dim=-1),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--plot", type=Path, help="also draw the distributions into this file")
    parser.add_argument("--samples", type=int, default=_SAMPLES)
    options = parser.parse_args(arguments)
    norms = {d: gradient_norms(d, samples=options.samples) for d in _DEVIATIONS}
    shown = "".join(f"{100 * q:>9g} %" for q in _QUANTILES)
    print(f"length of a logit's gradient with respect to its query, quantiles\n{'':22}{shown}")
    for deviation, both in norms.items():
        for name, values in both.items():
            quantiles = torch.quantile(values, torch.tensor(_QUANTILES)).tolist()
            print(f"q, k ~ {deviation:<5g} {name:9}" + "".join(f"{q:11.4f}" for q in quantiles))
    if options.plot is not None:
        _plot(norms, options.plot)


def _plot(norms: dict[float, dict[str, Tensor]], path: Path) -> None:
    # Needed for plots only.
    import matplotlib as mpl  # noqa: PLC0415

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    figure, axes = plt.subplots(1, len(norms), figsize=(4 * len(norms), 3), sharey=True)
    for axis, (deviation, both) in zip(axes, norms.items(), strict=True):
        for name, values in both.items():
            axis.hist(values.log10().numpy(), bins=100, density=True, alpha=0.6, label=name)
        axis.set_title(f"q, k of deviation {deviation:g}")
        axis.set_xlabel("log10 of the gradient's length")
    axes[0].legend()
    figure.tight_layout()
    figure.savefig(path)
    plt.close(figure)


if __name__ == "__main__":
    main()
