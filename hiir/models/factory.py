"""Builds a network by name: a shipped model with its trained weights, or a preset without."""

from hiir.models.architecture import RestorationModel
from hiir.models.presets import PRESETS, UnknownPresetError, build_model
from hiir.models.release import list_releases, load_release

__all__ = ["create_model", "list_models", "list_presets"]


def list_models() -> tuple[str, ...]:
    """Return the names of the shipped models, which have trained weights.

    >>> from hiir import list_models
    >>> {"denoise-color", "sr-x4"} <= set(list_models())
    True
    """
    return list_releases()


def list_presets() -> tuple[str, ...]:
    """Return the names of the presets: the paper's architectures and lighter ones, untrained.

    >>> from hiir import list_presets
    >>> "columnar-base-x4" in list_presets()
    True
    """
    return tuple(PRESETS)


def create_model(name: str) -> RestorationModel:
    """Build a network as a torch module.

    The module maps ``(B, C, H, W)`` float32 [0, 1], of any H and W, to ``(B, C', scale * H,
    scale * W)`` float32, not clipped. Channels and scale are in its ``config``.

    Args:
        name: name of a shipped model, which is returned with its trained weights, in evaluation
            mode and fused for inference; or of a preset, which is returned in training mode with
            random weights.

    Raises:
        UnknownPresetError: if the name is unknown; the message lists the names.

    >>> import torch
    >>> from hiir import create_model
    >>> model = create_model("sr-x2")
    >>> with torch.inference_mode():
    ...     tuple(model(torch.rand(1, 3, 40, 50)).shape)
    (1, 3, 80, 100)
    """
    if name in list_releases():
        return load_release(name).model
    if name in PRESETS:
        return build_model(name)
    raise UnknownPresetError(
        f"no model or preset {name!r}; the models are {', '.join(list_releases())}; the presets "
        f"are {', '.join(sorted(PRESETS))}"
    )
