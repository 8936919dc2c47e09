import dataclasses

import pytest

from hiir.imaging import ContractError, ModelContract


def test_a_contract_survives_its_parameters(make_contract):
    contract = make_contract(input_channels=4, noise_level=True, precision="bf16", source="photo")
    parameters = contract.to_parameters()
    assert all(isinstance(text, str) for text in parameters.values())
    assert set(parameters) == {field.name for field in dataclasses.fields(ModelContract)}
    assert ModelContract.from_parameters(parameters) == contract


def test_settings_of_the_server_may_stand_beside_the_contract(make_contract):
    contract = make_contract()
    parameters = {**contract.to_parameters(), "intra_op_thread_count": "1"}
    assert ModelContract.from_parameters(parameters) == contract


def test_an_unknown_key_is_refused_with_the_known_ones(make_contract):
    with pytest.raises(ContractError, match=r"unknown surprise.*size_multiple") as caught:
        ModelContract.from_parameters({**make_contract().to_parameters(), "surprise": "1"})
    assert "size_multiple" in caught.value.limit


REQUIRED = [
    field.name
    for field in dataclasses.fields(ModelContract)
    if field.default is dataclasses.MISSING
]


@pytest.mark.parametrize("key", REQUIRED)
def test_every_key_is_required(make_contract, key):
    parameters = make_contract().to_parameters()
    del parameters[key]
    with pytest.raises(ContractError, match=f"missing {key}"):
        ModelContract.from_parameters(parameters)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("noise_level", "yes"),
        ("scale", "two"),
        ("tile", "16.0"),
        ("overlap", ""),
        ("provenance", "[]"),
        ("provenance", "{"),
        ("provenance", '{"seed": 1}'),
        ("quality", '{"psnr": "high"}'),
        ("quality", '{"psnr": true}'),
        ("quality", '{"psnr": NaN}'),
        ("quality", f'{{"psnr": 1{"0" * 400}}}'),
    ],
)
def test_a_value_that_does_not_parse_is_refused(make_contract, key, text):
    with pytest.raises(ContractError, match=key):
        ModelContract.from_parameters({**make_contract().to_parameters(), key: text})


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "Denoise Color"},
        {"name": "../secrets"},
        {"task": ""},
        {"version": " "},
        {"architecture": ""},
        {"scale": 0},
        {"input_channels": 0},
        {"output_channels": -1},
        {"size_multiple": 0},
        {"tile": 0},
        {"tile": 20},
        {"overlap": 16},
        {"overlap": -1},
        {"input_channels": 1, "noise_level": True},
        {"sha256": "0" * 63},
        {"sha256": "A" * 64},
        {"quality": {"psnr": float("inf")}},
    ],
)
def test_a_contradictory_contract_is_refused(make_contract, changes):
    with pytest.raises(ContractError, match=next(iter(changes))):
        make_contract(**changes)


def test_the_callers_mappings_cannot_change_the_contract_later(make_contract):
    quality = {"psnr": 30.0}
    contract = make_contract(quality=quality)
    quality["psnr"] = 99.0
    assert contract.quality == {"psnr": 30.0}


def test_a_contract_can_be_a_key(make_contract):
    assert len({make_contract(), make_contract(), make_contract(version="2")}) == 2


def test_the_noise_level_is_a_channel_beside_the_image(make_contract):
    plain, told = (
        make_contract(),
        make_contract(input_channels=4, noise_level=True, precision="bf16"),
    )
    assert (plain.image_channels, told.image_channels) == (3, 3)
    assert "noise_level" not in plain.to_parameters()
    assert ModelContract.from_parameters(told.to_parameters()) == told
