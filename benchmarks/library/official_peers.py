"""Time the official code of other networks beside a shipped model, in seconds per megapixel.

    python -m benchmarks.library.official_peers --model denoise-color \\
        --peer ~/SwinIR models.network_swinir:SwinIR '{"upscale": 1, "window_size": 8}' \\
        --peer ~/Restormer basicsr.models.archs.restormer_arch:Restormer '{}'

Each `--peer` is a checkout that you have, the class of its network in it, and the arguments of the
class as JSON. Its code runs in this process, with the packages that it needs (SwinIR: timm,
Restormer: einops). Weights are random: they do not change the time. Model and peers take turns on
the same tile, by eager torch in float32; a megapixel is one of the result.
"""

import argparse
import importlib
import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from benchmarks.library.timing import medians
from hiir.models.release import list_releases, load_release

_ROUNDS = 5


class PeerError(Exception):
    """A peer cannot be timed; the message says why."""


def load_peer(checkout: Path, name: str, arguments: str) -> nn.Module:
    """Build a network from its official code, in evaluation mode.

    Args:
        checkout: the folder that the code's own imports start from.
        name: ``package.module:Class``.
        arguments: of the class, a JSON object.

    Raises:
        PeerError: for another form of the name, arguments that are no JSON object, and whatever the
            code itself raises.
    """
    module, colon, attribute = name.partition(":")
    if not checkout.is_dir():
        raise PeerError(f"{checkout} is not a folder")
    if not (module and colon and attribute):
        raise PeerError(f"{name!r} is not of the form package.module:Class")
    try:
        values: Any = json.loads(arguments)
    except ValueError as error:
        raise PeerError(f"{arguments!r} is not JSON: {error}") from error
    if not isinstance(values, dict):
        raise PeerError(f"{arguments!r} is not a JSON object")
    path = str(checkout.resolve())
    # Checkouts have folders of one name, such as `models`: those of the last peer are forgotten.
    known = set(sys.modules)
    sys.path.insert(0, path)
    try:
        built = getattr(importlib.import_module(module), attribute)(**values)
    except Exception as error:
        raise PeerError(f"{name} of {checkout}: {type(error).__name__}: {error}") from error
    finally:
        sys.path.remove(path)
        for other in set(sys.modules) - known:
            if (getattr(sys.modules[other], "__file__", None) or "").startswith(path):
                del sys.modules[other]
    if not isinstance(built, nn.Module):
        raise PeerError(f"{name} is not a torch module but {type(built).__name__}")
    return built.eval()


@torch.inference_mode()
def compare(
    model: str, peers: dict[str, nn.Module], *, side: int | None = None, rounds: int = _ROUNDS
) -> Iterator[str]:
    """Yield one line for the model, and one for each peer.

    Raises:
        PeerError: if a peer cannot compute a tile of `(1, 3, side, side)`.
    """
    release = load_release(model)
    side = side or release.contract.tile
    tile = torch.rand(1, release.contract.input_channels, side, side)
    pixels = tile[:, : release.contract.image_channels]
    networks = {model: release.model, **peers}
    outputs = {}
    for name, network in networks.items():
        given = tile if name == model else pixels
        try:
            outputs[name] = network(given)
        except Exception as error:
            raise PeerError(f"{name}: {type(error).__name__}: {error}") from error
    seconds = medians(
        {
            name: lambda n=network, x=tile if name == model else pixels: n(x)
            for name, network in networks.items()
        },
        repeat=rounds,
    )
    paces = {
        name: seconds[name] / (outputs[name].shape[-1] * outputs[name].shape[-2] / 1e6)
        for name in networks
    }
    for name, network in networks.items():
        parameters = sum(each.numel() for each in network.parameters())
        yield (
            f"  {name:48} {parameters / 1e6:7.2f} M parameters {paces[name]:8.2f} s per megapixel "
            f"{paces[name] / paces[model]:6.2f}x"
        )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default="denoise-color", choices=list_releases())
    parser.add_argument("--side", type=int, help="pixels of the tile's side (default: the model's)")
    parser.add_argument(
        "--peer",
        nargs=3,
        action="append",
        default=[],
        metavar=("PATH", "MODULE:CLASS", "JSON"),
        help="a checkout, the class of its network, and the arguments of the class",
    )
    options = parser.parse_args(arguments)
    print(
        f"torch {torch.__version__}, {torch.get_num_threads()} threads, "
        f"load {os.getloadavg()[0]:.1f} at the start"
    )
    try:
        peers = {
            name: load_peer(Path(path).expanduser(), name, text)
            for path, name, text in options.peer
        }
        for line in compare(options.model, peers, side=options.side):
            print(line, flush=True)
    except PeerError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
