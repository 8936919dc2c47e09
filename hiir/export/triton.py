"""A model's folder in the Triton model repository: configuration and graph."""

from pathlib import Path

from hiir.export.fingerprint import fingerprint
from hiir.export.graph_form import ExportFormat, Precision
from hiir.export.onnx import export_onnx, read_fingerprint
from hiir.export.parity import check_parity
from hiir.export.reference_tiles import FOLDER, has_reference, write_reference
from hiir.export.triton_config import Target, render_config
from hiir.models.release import Release

__all__ = ["FALLBACK", "SERVED", "export_graph", "export_release"]

FALLBACK = "config.cuda.pbtxt"
"""In the folder of the reference tiles: the configuration without TensorRT."""

# What each target runs. The contract is the same: float32 outside, whatever is inside.
SERVED = {
    Target.CPU: ExportFormat(dynamic_size=True),
    Target.GPU: ExportFormat(precision=Precision.FP16),
}


def export_release(
    release: Release,
    repository: Path,
    *,
    target: Target = Target.CPU,
    instances: int = 1,
) -> bool:
    """Write ``<model>/config.pbtxt`` and ``<model>/1/model.onnx``; False if both are up to date.

    For a GPU also ``<model>/reference/``: tiles with their float32 result, and the configuration
    that is served if TensorRT's result differs too much from it.

    Raises:
        ArchitectureError: if the contract's tile does not fit the network.
        ParityError: if the graph does not compute what the module computes; nothing is replaced.
    """
    folder = repository / release.contract.name
    written = export_graph(release, folder / "1" / "model.onnx", form=SERVED[target])
    if target is Target.GPU:
        reference = folder / FOLDER
        current = fingerprint(release.contract, SERVED[target].filename)
        if not has_reference(reference, fingerprint=current):
            write_reference(release.model, release.contract, reference, fingerprint=current)
            written = True
        fallback = render_config(
            release.contract, target=target, instances=instances, tensorrt=False
        )
        written |= _write_if_changed(reference / FALLBACK, fallback)
    config = render_config(release.contract, target=target, instances=instances)
    return _write_if_changed(folder / "config.pbtxt", config) or written


def export_graph(release: Release, path: Path, *, form: ExportFormat) -> bool:
    """Write one graph if it is not up to date, after it has been verified.

    Returns whether it was written; raises what `export_release` raises.
    """
    release.model.config.check_tile(release.contract.tile)
    current = fingerprint(release.contract, form.filename)
    if read_fingerprint(path) == current:
        return False
    # Checked under another name: a graph that failed must not be served.
    candidate = path.with_name(f"candidate.{path.name}")
    try:
        export_onnx(release.model, release.contract, candidate, form=form, fingerprint=current)
        check_parity(release.model, release.contract, candidate, form=form)
        candidate.replace(path)
    finally:
        candidate.unlink(missing_ok=True)
    return True


def _write_if_changed(path: Path, text: str) -> bool:
    if path.is_file() and path.read_text() == text:
        return False
    path.write_text(text)
    return True
