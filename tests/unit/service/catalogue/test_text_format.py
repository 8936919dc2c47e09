import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.catalogue.text_format import TextFormatError, parse_text_format

CONFIG = """
# A model as Triton reads it.
name: "denoise-color"
backend: 'onnxruntime'
max_batch_size: 8
input [
  { name: "input" data_type: TYPE_FP32 dims: [ 3, 192, -1 ] },
  { name: "mask", data_type: TYPE_FP32; dims: [] }
]
dynamic_batching < max_queue_delay_microseconds: 2000 >  # angle brackets are braces
instance_group [ { kind: KIND_CPU count: 1 } ]
parameters { key: "quality" value: { string_value: "{\\"psnr\\": 30.5}" } }
parameters: { key: "data" value { string_value: "one " "string\\n" 'in three' } }
"""


def test_a_whole_configuration_is_read():
    assert parse_text_format(CONFIG) == {
        "name": ["denoise-color"],
        "backend": ["onnxruntime"],
        "max_batch_size": ["8"],
        "input": [
            {"name": ["input"], "data_type": ["TYPE_FP32"], "dims": ["3", "192", "-1"]},
            {"name": ["mask"], "data_type": ["TYPE_FP32"], "dims": []},
        ],
        "dynamic_batching": [{"max_queue_delay_microseconds": ["2000"]}],
        "instance_group": [{"kind": ["KIND_CPU"], "count": ["1"]}],
        "parameters": [
            {"key": ["quality"], "value": [{"string_value": ['{"psnr": 30.5}']}]},
            {"key": ["data"], "value": [{"string_value": ["one string\nin three"]}]},
        ],
    }


@pytest.mark.parametrize("text", ["", " \n\t", "# only a comment", "#"])
def test_nothing_is_an_empty_message(text):
    assert parse_text_format(text) == {}


def test_a_repeated_field_keeps_its_values_in_order():
    assert parse_text_format("a: 1 b: 2 a: [3, 4] a: 5") == {"a": ["1", "3", "4", "5"], "b": ["2"]}


def test_a_message_may_be_empty_and_nested():
    assert parse_text_format("a {} b: <c {d: e}>") == {"a": [{}], "b": [{"c": [{"d": ["e"]}]}]}


def test_marks_inside_a_string_are_text():
    assert parse_text_format('a: "} # , [" b: 1') == {"a": ["} # , ["], "b": ["1"]}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (r'"\n\t\r"', "\n\t\r"),
        (r'"\"\'\\"', "\"'\\"),
        (r"'it\'s'", "it's"),
        ('"é 漢"', "é 漢"),
        ('""', ""),
    ],
)
def test_escapes_are_resolved(written, meant):
    assert parse_text_format(f"a: {written}") == {"a": [meant]}


@pytest.mark.parametrize("number", ["-1", "+2", "3.5", "1e-4", "-1.5E+3", "0x1F", "inf"])
def test_a_number_is_text(number):
    assert parse_text_format(f"a: {number}") == {"a": [number]}


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "a:",
        "a 1",
        ": 1",
        "1.5: 2",
        "a: {",
        "a: }",
        "a }",
        "}",
        "a { b: 1",
        "a { b: 1 >",
        "a < b: 1 }",
        "a: [1, 2",
        "a: [1 2]",
        "a: [, 1]",
        "a: [1",
        "a: 1 ]",
        "a: ,",
        "a:: 1",
        '"a": 1',
        'a: "open',
        "a: 'open\"",
        'a: "a line\nbreak"',
        r'a: "\q"',
        r'a: "\x41"',
        "a: @",
        "a: $b",
        "a: (1)",
        "a: 1,, b: 2",
        "[ext.field]: 1",
    ],
)
def test_malformed_text_is_refused(text):
    with pytest.raises(TextFormatError):
        parse_text_format(text)


def test_a_character_out_of_place_is_named_with_its_line():
    with pytest.raises(TextFormatError, match="'@' in line 3"):
        parse_text_format("a: 1\n\nb: @")


@given(st.text(alphabet="ab1:{}<>[],;\"'\\ \n#.-é@", max_size=60))
def test_any_text_is_a_message_or_a_text_format_error(text):
    try:
        message = parse_text_format(text)
    except TextFormatError:
        return
    assert isinstance(message, dict)


messages = st.recursive(
    st.dictionaries(st.sampled_from("abcd"), st.lists(st.text(max_size=9), max_size=3), max_size=3),
    lambda inner: st.dictionaries(
        st.sampled_from("abcd"), st.lists(st.text(max_size=9) | inner, max_size=3), max_size=3
    ),
    max_leaves=8,
)


def quote(text):
    for plain, escaped in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n")):
        text = text.replace(plain, escaped)
    return f'"{text}"'


def write(message):
    return " ".join(
        f"{name}: [{', '.join(write_value(value) for value in values)}]"
        for name, values in message.items()
    )


def write_value(value):
    return quote(value) if isinstance(value, str) else f"{{ {write(value)} }}"


@given(messages)
def test_every_message_survives_its_text(message):
    assert parse_text_format(write(message)) == message
