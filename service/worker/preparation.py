"""Between the pixels of a photo and those that its model takes: channels, in and out."""

import numpy as np

from hiir.imaging import DecodedImage, ModelContract, Uint8Pixels


def to_model(image: DecodedImage, contract: ModelContract) -> Uint8Pixels:
    """The `(H, W, input_channels)` uint8 that the model restores.

    A gray image has three equal channels; a model of gray images takes one of them.
    """
    if contract.input_channels == 1:
        return np.ascontiguousarray(image.pixels[..., :1])
    return image.pixels


def from_model(pixels: Uint8Pixels) -> Uint8Pixels:
    """`(H, W, 3)` again, from the one channel of a gray model or the three of another."""
    return np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels
