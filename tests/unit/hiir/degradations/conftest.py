import numpy as np
import pytest
from skimage.data import astronaut

from hiir.imaging import FloatPixels, to_unit


@pytest.fixture
def photo() -> FloatPixels:
    """A face with hair, skin and a background, (96, 120, 3)."""
    return to_unit(np.ascontiguousarray(astronaut()[40:136, 150:270]))
