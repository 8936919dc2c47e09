"""Configurations of runs from before degradations were recipes, read as what they meant."""

from collections.abc import Mapping
from typing import Any

from hiir.training.config import load_config

__all__ = ["from_first_layout"]


def from_first_layout(values: Mapping[str, Any]) -> dict[str, Any]:
    """Translate a resolved configuration that knew colour noise, L1, AdamW and a cosine alone.

    What is not of that layout (it had ``validation_sigmas``) is returned as it is. The first of
    these runs did not say what is released of them: the shipped experiment of their name does.

    Raises:
        ConfigError: for a run that does not say what is released, and has no such name.
    """
    if "validation_sigmas" not in values:
        return dict(values)
    data = dict(values["data"])
    sigma = [data.pop("sigma_min"), data.pop("sigma_max")]
    noise = {"kind": "noise", "sigma": sigma, "clip_share": data.pop("clip_share")}
    translated = {key: value for key, value in values.items() if key != "validation_sigmas"}
    release = values.get("release") or load_config(values["name"]).release.model_dump(mode="json")
    return {
        **translated,
        "release": release,
        "model": {},
        "data": {
            **data,
            "skip_corrupt": False,
            "colour": "rgb",
            "degradation": [noise],
            "workers": 0,
        },
        "loss": {"kind": "l1"},
        "optimizer": {"kind": "adamw", **values["optimizer"]},
        "schedule": {"kind": "cosine", "milestones": [], "gamma": 0.5, **values["schedule"]},
        "compile": "no",
        "validation_crop": 256,
        "validation": [
            {"label": f"sigma{level:g}", "degradation": [{"kind": "noise", "sigma": level}]}
            for level in values["validation_sigmas"]
        ],
        "tensorboard": False,
    }
