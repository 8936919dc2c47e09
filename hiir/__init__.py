"""Hi-IR: image restoration by hierarchical information flow, as a library.

    >>> import hiir
    >>> "denoise-color" in hiir.list_models()
    True

Begin with `restore` (an image in, an image out) or `create_model` (a torch module). `hiir.imaging`
has the parts that need no torch: files, tiles and the contract of a model.

A name is imported from its module when it is first used, so that `import hiir` loads neither torch
nor numpy.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hiir.errors import HiirError
    from hiir.models.architecture import RestorationModel
    from hiir.models.factory import create_model, list_models, list_presets
    from hiir.restoration import restore

__all__ = [
    "HiirError",
    "RestorationModel",
    "create_model",
    "list_models",
    "list_presets",
    "restore",
]

_MODULES = {
    "HiirError": "errors",
    "RestorationModel": "models.architecture",
    "create_model": "models.factory",
    "list_models": "models.factory",
    "list_presets": "models.factory",
    "restore": "restoration",
}


def __getattr__(name: str) -> Any:
    """Import a public name from its module (PEP 562)."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names, for `dir` and `pydoc`."""
    return sorted({*globals(), *__all__})
