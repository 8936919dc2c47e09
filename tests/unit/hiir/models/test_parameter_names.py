"""Weights that were stored under older names of parameters."""

import pytest
import torch
from safetensors import safe_open

from hiir.models.parameter_names import current_parameter_name, with_current_parameter_names
from hiir.models.presets import build_model
from hiir.models.release import list_releases, load_release, zoo_path


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("embed.weight", "conv_first.weight"),
        ("close.body.0.bias", "conv_after_body.body.0.bias"),
        ("output.bias", "conv_last.bias"),
        ("tail.enlarge.2.weight", "upsampler.upsample.2.weight"),
        ("tail.output.weight", "upsampler.conv_last.weight"),
        ("upsampler.conv_last.weight", "upsampler.conv_last.weight"),
        ("decoder.0.output.weight", "decoder.0.output.weight"),
    ],
)
def test_an_old_name_is_mapped_and_any_other_stays(old: str, new: str) -> None:
    assert current_parameter_name(old) == new


@pytest.mark.parametrize("preset", ["columnar-base-x4", "columnar-compact-x2", "ushape-color"])
def test_old_weights_have_all_names_of_their_network(preset: str) -> None:
    old = {"conv_first": "embed", "conv_after_body": "close", "conv_last": "output"}
    inner = {"conv_before": "narrow", "upsample": "enlarge", "conv_last": "output"}
    with torch.device("meta"):
        names = [name for name, _ in build_model(preset).named_parameters()]
    stored = []
    for name in names:
        first, *rest = name.split(".")
        if first == "upsampler":
            stored.append(".".join(["tail", inner[rest[0]], *rest[1:]]))
        else:
            stored.append(".".join([old.get(first, first), *rest]))
    assert list(with_current_parameter_names(dict.fromkeys(stored))) == names
    assert stored != names


def test_the_shipped_weights_are_those_of_their_files() -> None:
    for name in list_releases():
        loaded = load_release(name).model.state_dict()
        with safe_open(zoo_path(name), framework="pt") as file:
            for key in file.keys():  # noqa: SIM118
                assert torch.equal(
                    loaded[current_parameter_name(key)], file.get_tensor(key).float()
                )
