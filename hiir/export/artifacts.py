"""All export formats of a model, in one folder."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch

from hiir.export.fingerprint import fingerprint
from hiir.export.graph_form import ExportFormat, Precision, Samples
from hiir.export.parity import check_torchscript
from hiir.export.torchscript import export_torchscript
from hiir.export.triton import SERVED, export_graph
from hiir.export.triton_config import Target, render_config
from hiir.imaging import ModelContract
from hiir.models.presets import get_preset
from hiir.models.release import Release

__all__ = ["FORMS", "export_artifacts", "untrained_release"]

FORMS = (
    ExportFormat(),
    ExportFormat(precision=Precision.FP16),
    ExportFormat(samples=Samples.UINT8),
    ExportFormat(samples=Samples.UINT8, precision=Precision.FP16),
    ExportFormat(dynamic_size=True),
    ExportFormat(dynamic_size=True, samples=Samples.UINT8),
)
_TORCHSCRIPT = "model.pt"
_TILE = 256
_OVERLAP = 32


def export_artifacts(release: Release, folder: Path) -> Iterator[tuple[Path, bool]]:
    """Write graphs, TorchScript and configurations, each verified against the module.

    Yields each file, and whether it was written; files that are up to date are kept.

    Raises:
        ParityError: if a file does not compute what the module computes; the file is removed.
    """
    for form in FORMS:
        yield folder / form.filename, export_graph(release, folder / form.filename, form=form)
    yield folder / _TORCHSCRIPT, _export_torchscript(release, folder / _TORCHSCRIPT)
    for target in Target:
        for samples in Samples:
            suffix = "" if samples is Samples.FLOAT32 else ".uint8"
            filename = replace(SERVED[target], samples=samples).filename
            text = render_config(
                release.contract, target=target, samples=samples, filename=filename
            )
            path = folder / f"config.{target}{suffix}.pbtxt"
            changed = not path.is_file() or path.read_text() != text
            if changed:
                path.write_text(text)
            yield path, changed


def untrained_release(preset: str) -> Release:
    """Return a preset with seeded random weights, for benchmarks only.

    Raises:
        UnknownPresetError: if the name is unknown.
    """
    config = get_preset(preset)
    torch.manual_seed(0)
    model = config.build().eval()
    digest = hashlib.sha256()
    for parameter in model.parameters():
        digest.update(parameter.detach().numpy().tobytes())
    multiple = config.size_multiple
    side = _TILE // config.upscale
    contract = ModelContract(
        name=preset,
        task=preset,
        version="0",
        architecture=preset,
        scale=config.upscale,
        input_channels=config.in_channels,
        output_channels=config.out_channels,
        tile=max(multiple, side - side % multiple),
        overlap=_OVERLAP // config.upscale,
        size_multiple=multiple,
        sha256=digest.hexdigest(),
        provenance={"weights": "fresh, seed 0"},
        quality={},
    )
    return Release(model=model.fuse(), contract=contract)


def _export_torchscript(release: Release, path: Path) -> bool:
    stamp = path.with_suffix(".fingerprint")
    current = fingerprint(release.contract, path.name)
    if path.is_file() and stamp.is_file() and stamp.read_text() == current:
        return False
    stamp.unlink(missing_ok=True)
    export_torchscript(release.model, release.contract, path)
    try:
        check_torchscript(release.model, release.contract, path)
    except Exception:
        path.unlink()
        raise
    stamp.write_text(current)
    return True
