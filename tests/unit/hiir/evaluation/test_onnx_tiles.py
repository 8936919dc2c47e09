from pathlib import Path

import pytest

from hiir.evaluation.onnx_tiles import CPU_PROVIDER, OnnxTiles
from hiir.evaluation.restorer import RestorerError


def test_a_provider_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(RestorerError, match=f"no NonsenseProvider; it has .*{CPU_PROVIDER}"):
        OnnxTiles(tmp_path / "model.onnx", providers=("NonsenseProvider", CPU_PROVIDER))
