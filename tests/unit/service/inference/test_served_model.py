"""What is read from the configuration of a served model, and which models are refused."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from tritonclient.grpc import model_config_pb2

from hiir.imaging import ModelContract
from service.errors import ModelMismatchError
from service.inference.served_model import ServedModel, check_served

MakeContract = Callable[..., ModelContract]
FP16 = model_config_pb2.DataType.TYPE_FP16
FP32 = model_config_pb2.DataType.TYPE_FP32


def served(contract: ModelContract, **changes: Any) -> Any:
    """The `ModelConfig` that Triton gives for a model."""
    side = contract.tile
    out = side * contract.scale
    fp32 = model_config_pb2.DataType.TYPE_FP32
    values: dict[str, Any] = {
        "max_batch_size": 8,
        "input": [
            {"name": "input", "data_type": fp32, "dims": [contract.input_channels, side, side]}
        ],
        "output": [
            {"name": "output", "data_type": fp32, "dims": [contract.output_channels, out, out]}
        ],
    }
    config = model_config_pb2.ModelConfig(**{**values, **changes})
    for key, value in contract.to_parameters().items():
        config.parameters[key].string_value = value
    return config


@pytest.mark.parametrize("scale", [1, 4])
def test_model_that_keeps_its_contract_passes(make_contract: MakeContract, scale: int) -> None:
    contract = make_contract(scale=scale)
    assert check_served(served(contract), contract) == ServedModel(
        any_size=False, tiles_in_flight=8
    )


def test_a_model_may_leave_the_sides_of_tiles_free(make_contract: MakeContract) -> None:
    contract = make_contract(scale=2)
    free = {
        end: [{"name": end, "data_type": FP32, "dims": [3, -1, -1]}] for end in ("input", "output")
    }
    assert check_served(served(contract, **free), contract).any_size


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"max_batch_size": 0}, "batches"),
        ({"input": [{"name": "input", "data_type": FP16, "dims": [3, 16, 16]}]}, "input"),
        ({"input": [{"name": "x", "data_type": FP32, "dims": [3, 16, 16]}]}, "input"),
        ({"input": [{"name": "input", "data_type": FP32, "dims": [3, -1, -1]}]}, "input"),
        ({"output": [{"name": "output", "data_type": FP32, "dims": [3, -1, -1]}]}, "output"),
        ({"input": []}, "input"),
        ({"output": [{"name": "output", "data_type": FP32, "dims": [3, 32, 32]}]}, "output"),
    ],
)
def test_model_that_breaks_its_contract_is_refused(
    make_contract: MakeContract, changes: dict[str, Any], said: str
) -> None:
    contract = make_contract()
    with pytest.raises(ModelMismatchError, match=said):
        check_served(served(contract, **changes), contract)


def test_other_weights_are_refused_with_both_versions(make_contract: MakeContract) -> None:
    contract = make_contract()
    other = replace(contract, version="2", sha256="f" * 64)
    with pytest.raises(ModelMismatchError) as caught:
        check_served(served(other), contract)
    assert caught.value.limit == f"1 {contract.sha256}"
    assert caught.value.actual == f"2 {'f' * 64}"


def test_model_without_a_contract_is_refused(make_contract: MakeContract) -> None:
    contract = make_contract()
    config = served(contract)
    del config.parameters["scale"]
    with pytest.raises(ModelMismatchError, match="no valid contract"):
        check_served(config, contract)


@pytest.mark.parametrize(
    ("max_batch_size", "groups", "tiles"),
    [
        (1, [], 1),
        (8, [], 8),
        (8, [{"count": 1}], 8),
        (4, [{"count": 3}], 12),
        (8, [{"count": 1}, {"count": 2}], 24),
        (8, [{"count": 2, "gpus": [0, 1, 2]}], 48),
    ],
)
def test_tiles_in_flight_fill_the_largest_batch_of_every_instance(
    make_contract: MakeContract, max_batch_size: int, groups: list[dict[str, Any]], tiles: int
) -> None:
    contract = make_contract()
    config = served(contract, max_batch_size=max_batch_size, instance_group=groups)
    assert check_served(config, contract).tiles_in_flight == tiles
