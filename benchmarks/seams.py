"""Whether tiles show: the step across their borders, and what the whole image would have been.

    python -m benchmarks.seams [MODEL ...]

For every model of `hiir/zoo` and three images (a gradient, a photo, noise): the largest mean step
across a line where a tile begins or ends, less the same at all other lines, in levels of 255; and
the difference between the image in tiles and in one piece, in dB and at its largest.
"""

import argparse
from collections.abc import Sequence

import numpy as np
import torch
from skimage import data

from hiir.evaluation.engines import TorchTiles
from hiir.evaluation.seams import seam_excess
from hiir.imaging import FloatPixels, ModelContract, plan_tiles, restore_bands, to_unit
from hiir.models.release import Release, list_releases, load_release

LIMIT_LEVELS = 1.0


def images(contract: ModelContract) -> dict[str, FloatPixels]:
    """Just over two tiles a side, so that the middle has seams both ways."""
    side = 2 * contract.tile + contract.tile // 4
    ramp = np.linspace(0.1, 0.9, side, dtype=np.float32)
    across = np.tile(ramp, (side, 1))
    gradient = np.stack([across.T, across, across], axis=2)
    photo = to_unit(data.astronaut()[:side, :side])
    noise = np.clip(np.random.default_rng(0).normal(0.5, 0.1, (side, side, 3)), 0, 1)
    chosen = {"gradient": gradient, "photo": photo, "noise": noise.astype(np.float32)}
    return {name: _channels(image, contract) for name, image in chosen.items()}


def _channels(image: FloatPixels, contract: ModelContract) -> FloatPixels:
    count = contract.input_channels
    picked = image[..., :1] if count == 1 else np.concatenate([image] * -(-count // 3), axis=2)
    return np.ascontiguousarray(picked[..., :count])


@torch.inference_mode()
def in_one_piece(release: Release, image: FloatPixels) -> FloatPixels:
    """The whole image at once; its sides are multiples of what the network asks for."""
    tensor = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))[None]
    result: FloatPixels = release.model(tensor)[0].numpy().transpose(1, 2, 0)
    return result


def in_tiles(release: Release, image: FloatPixels) -> FloatPixels:
    bands = restore_bands(
        image=image,
        contract=release.contract,
        infer=TorchTiles(release),
        in_flight=1,
        on_progress=lambda *_: None,
        should_stop=lambda: False,
    )
    return np.concatenate([band.rows.copy() for band in bands])


def measure(model: str) -> bool:
    release = load_release(model)
    contract = release.contract
    good = True
    for name, picture in images(contract).items():
        multiple = contract.size_multiple
        sides = [side // multiple * multiple for side in picture.shape[:2]]
        image = picture[: sides[0], : sides[1]]
        tiled, whole = in_tiles(release, image), in_one_piece(release, image)
        plan = plan_tiles(
            height=sides[0], width=sides[1], tile=contract.tile, overlap=contract.overlap
        )
        excess = 255 * seam_excess(tiled, plan, scale=contract.scale)
        error = np.clip(tiled, 0, 1) - np.clip(whole, 0, 1)
        psnr = -10 * np.log10(max(float(np.mean(error**2)), 1e-12))
        holds = excess <= LIMIT_LEVELS
        good = good and holds
        print(
            f"{contract.name:20s} tile {contract.tile} overlap {contract.overlap}  {name:8s} "
            f"seam {excess:+.3f}/255  whole {psnr:.1f} dB, at most {255 * np.abs(error).max():.1f}"
            f"/255  {'holds' if holds else 'DOES NOT HOLD'}",
            flush=True,
        )
    return good


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", help="names in hiir/zoo; all of them if none")
    names = parser.parse_args(arguments).models
    held = [measure(name) for name in names or list_releases()]
    if not all(held):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
