"""The loss of quality of a model in bfloat16 on a CPU."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from hiir.evaluation.evaluate import evaluate
from hiir.evaluation.protocols import protocol_for
from hiir.evaluation.restorer import TiledRestorer
from hiir.evaluation.test_sets import SampleSet
from hiir.export.graph_form import ExportFormat
from hiir.models.release import Release

__all__ = ["MAX_BFLOAT16_LOSS", "bfloat16_losses"]

MAX_BFLOAT16_LOSS = 0.02
"""Maximum loss of PSNR in dB on any set; models that lose more are served in float32."""


def bfloat16_losses(
    release: Release, sets: Mapping[str, SampleSet], float32: Mapping[str, float]
) -> dict[str, float]:
    """Measure a model in bfloat16, as OpenVINO serves it.

    Args:
        release: the model.
        sets: test sets by name.
        float32: PSNR in dB of each set in float32, with the key ``SET-psnr``.

    Returns:
        The loss of PSNR in dB by set; empty if OpenVINO or ONNX is not installed or the processor
        does not support bfloat16.
    """
    try:
        from hiir.evaluation.openvino_tiles import OpenVinoTiles, has_bfloat16  # noqa: PLC0415
        from hiir.export.triton import export_graph  # noqa: PLC0415
    except ModuleNotFoundError:
        return {}
    if not has_bfloat16():
        return {}
    contract = release.contract
    with tempfile.TemporaryDirectory() as scratch:
        graph = Path(scratch) / "model.onnx"
        export_graph(release, graph, form=ExportFormat(dynamic_size=True))
        engine = OpenVinoTiles(graph, precision="bf16")
    restorer = TiledRestorer(contract=contract, engine=engine)
    protocol = protocol_for(contract)
    return {
        name: round(float32[f"{name}-psnr"] - evaluate(restorer, samples, protocol).psnr, 3)
        for name, samples in sets.items()
    }
