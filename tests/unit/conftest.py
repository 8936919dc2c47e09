"""A model's contract, for the library and the service, and patience for properties."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from hiir.imaging import ModelContract

# The machine may be busy with other work, and the fixtures that examples share are factories.
settings.register_profile(
    "patient",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("patient")


@pytest.fixture
def make_contract() -> Callable[..., ModelContract]:
    def make(**changes: Any) -> ModelContract:
        values: dict[str, Any] = {
            "name": "denoise-color",
            "task": "denoise-color",
            "version": "1",
            "architecture": "ushape-compact",
            "scale": 1,
            "input_channels": 3,
            "output_channels": 3,
            "tile": 16,
            "overlap": 4,
            "size_multiple": 8,
            "sha256": "0123456789abcdef" * 4,
            "provenance": {"data": "synthetic, é"},
            "quality": {"psnr": 30.4321},
        }
        return ModelContract(**{**values, **changes})

    return make
