"""Networks of other people's checkouts, as small modules that are written here."""

from pathlib import Path

import pytest

from benchmarks.library.official_peers import PeerError, load_peer, main

CODE = """
from torch import nn
from models.parts import width

class Net(nn.Module):
    def __init__(self, scale=1):
        super().__init__()
        self.conv = nn.Conv2d(3, 3 * scale**2, width, padding=1)
        self.shuffle = nn.PixelShuffle(scale)
    def forward(self, x):
        return self.shuffle(self.conv(x))

class Gray(nn.Conv2d):
    def __init__(self):
        super().__init__(1, 1, 3)

text = str
"""


@pytest.fixture
def make_checkout(tmp_path: Path):
    def make(name: str, *, width: int = 3) -> Path:
        package = tmp_path / name / "models"
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / "network.py").write_text(CODE)
        (package / "parts.py").write_text(f"width = {width}")
        return tmp_path / name

    return make


@pytest.mark.slow
def test_a_peer_is_timed_beside_the_model(make_checkout, capsys) -> None:
    checkout = str(make_checkout("one"))
    peer = ("--peer", checkout, "models.network:Net", '{"scale": 2}')
    assert main(["--model", "sr-x2", "--side", "64", *peer]) == 0
    _, ours, theirs = capsys.readouterr().out.splitlines()
    assert "sr-x2" in ours
    assert "1.00x" in ours
    assert "models.network:Net" in theirs
    assert "0.00 M parameters" in theirs
    assert float(theirs.split()[-1].removesuffix("x")) < 1


def test_checkouts_with_folders_of_one_name_do_not_mix(make_checkout) -> None:
    sizes = [
        load_peer(make_checkout(name, width=width), "models.network:Net", "{}").conv.kernel_size
        for name, width in (("one", 3), ("two", 5))
    ]
    assert sizes == [(3, 3), (5, 5)]


@pytest.mark.parametrize(
    ("name", "arguments", "problem"),
    [
        ("models.network", "{}", "not of the form package.module:Class"),
        ("models.network:Net", "[]", "is not a JSON object"),
        ("models.network:Net", "{", "is not JSON"),
        ("models.network:Net", '{"size": 1}', "TypeError"),
        ("models.absent:Net", "{}", "ModuleNotFoundError"),
        ("models.network:text", "{}", "is not a torch module but str"),
    ],
)
def test_a_peer_that_cannot_be_built_says_why(
    make_checkout, name: str, arguments: str, problem: str
) -> None:
    with pytest.raises(PeerError, match=problem):
        load_peer(make_checkout("one"), name, arguments)


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(PeerError, match="absent is not a folder"):
        load_peer(tmp_path / "absent", "models:Net", "{}")


def test_a_peer_that_takes_other_tiles_is_an_error(make_checkout, capsys) -> None:
    peer = ("--peer", str(make_checkout("one")), "models.network:Gray", "{}")
    assert main(["--model", "sr-x2", "--side", "64", *peer]) == 1
    assert "models.network:Gray: RuntimeError" in capsys.readouterr().err
