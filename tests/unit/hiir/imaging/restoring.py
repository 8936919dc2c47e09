"""Restores an image with an engine of a test."""

import numpy as np

from hiir.imaging import restore_tiled, restored_shape


def restore(image, contract, engine, *, strength=1.0, region=None):
    """Return the restored image, or a region of it, with samples of the image's type."""
    output = np.empty(restored_shape(image.shape, contract, region), image.dtype)
    restore_tiled(
        image=image,
        output=output,
        contract=contract,
        infer=engine,
        in_flight=2,
        on_progress=lambda done, total: None,
        should_stop=lambda: False,
        strength=strength,
        region=region,
    )
    return output
