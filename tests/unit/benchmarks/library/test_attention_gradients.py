from pathlib import Path

import pytest
import torch
from PIL import Image

from benchmarks.library.attention_gradients import (
    cosine_gradient,
    dot_gradient,
    gradient_norms,
    main,
)


@pytest.mark.parametrize("name", ["dot", "cosine"])
def test_the_formulas_are_what_autograd_finds(name: str) -> None:
    torch.manual_seed(0)
    q, k = torch.randn(2, 50, 15, dtype=torch.float64)
    q.requires_grad_()
    if name == "dot":
        similarity, formula = (q * k).sum(dim=-1), dot_gradient(q, k)
    else:
        similarity, formula = torch.cosine_similarity(q, k), cosine_gradient(q, k)
    (gradient,) = torch.autograd.grad(similarity.sum(), q)
    torch.testing.assert_close(formula, gradient)


def test_short_queries_make_the_cosines_gradient_large_and_the_dot_products_small() -> None:
    short, long = gradient_norms(0.03, samples=2000), gradient_norms(1.0, samples=2000)
    assert short["cosine"].median() > 10 * long["cosine"].median()
    assert short["dot"].median() < 0.1 * long["dot"].median()
    assert short["cosine"].median() > 100 * short["dot"].median()


@pytest.mark.slow
def test_the_script_prints_and_plots(tmp_path: Path, capsys) -> None:
    main(["--samples", "500", "--plot", str(tmp_path / "gradients.png")])
    shown = capsys.readouterr().out
    assert shown.count("cosine") == shown.count("dot") == 4
    with Image.open(tmp_path / "gradients.png") as image:
        assert image.width > image.height > 200
