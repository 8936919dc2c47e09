"""Motion blur by a camera that shakes while its shutter is open."""

import numpy as np
import numpy.typing as npt

from hiir.degradations.convolution import convolve
from hiir.degradations.linear_light import light_from_values, values_from_light
from hiir.imaging import FloatPixels

__all__ = [
    "Trajectory",
    "blur_by_trajectory",
    "draw_trajectory",
    "expose_frames",
    "seen_from_middle",
    "trajectory_kernel",
]

_SAMPLES = 256  # of a trajectory: far below a pixel apart
Trajectory = npt.NDArray[np.float64]


def draw_trajectory(random: np.random.Generator, *, length: float, jitter: float) -> Trajectory:
    """Draw the path of a shaking camera, centered on its mean.

    A particle with inertia is pulled back to its start, pushed at random, and sometimes jerked,
    after Boracchi and Foi (2012). Some paths are nearly straight, some curl.

    Args:
        random: generator that the path is drawn from.
        length: length of the path in pixels.
        jitter: strength of the random pushes; 0 gives a straight line, 0.7 a path that curls.

    Returns:
        ``(256, 2)`` float64: row and column at equal intervals of time.
    """
    angle = random.uniform(0, 2 * np.pi)
    velocity = np.exp(1j * angle)
    position, path = 0j, np.empty(_SAMPLES, np.complex128)
    pushes = random.normal(size=(_SAMPLES, 2)) @ np.array([1, 1j])
    jerks = random.random(_SAMPLES) < 0.02 * jitter
    for index in range(_SAMPLES):
        path[index] = position
        change = jitter * (0.12 * pushes[index] - 0.003 * position)
        if jerks[index]:
            change += 2 * velocity * (np.exp(1j * (np.pi + random.uniform(-0.5, 0.5))) - 0.5)
        velocity = velocity + change
        velocity /= abs(velocity)  # speed stays, direction wanders
        position += velocity
    path *= length / _SAMPLES
    path -= path.mean()
    return np.stack([path.imag, path.real], axis=1)


def expose_frames(trajectory: Trajectory, *, frames: int, shutter: float) -> Trajectory:
    """Return the parts of a path that the frames of a high-speed camera record.

    The origin is the frame after the middle: averages of frames use that frame as the ground truth
    (the GoPro set: Nah et al., 2017). With an even number of frames none is in the middle: the
    ground truth is half a frame ahead of the blur, and the blur does not show in which direction.

    Args:
        trajectory: ``(N, 2)`` at equal intervals of time.
        frames: number of frames that are averaged, at most N.
        shutter: share of each frame's time, above 0, during which the shutter is open.

    Returns:
        ``(n, 2)`` float64.
    """
    parts = [
        part[: max(1, round(shutter * len(part)))] for part in np.array_split(trajectory, frames)
    ]
    seen: Trajectory = np.concatenate(parts) - parts[frames // 2].mean(axis=0)
    return seen


def seen_from_middle(trajectory: Trajectory) -> Trajectory:
    """Shift a path so that its origin is the middle of the exposure, for a sharp ground truth."""
    moved: Trajectory = trajectory - trajectory[len(trajectory) // 2]
    return moved


def trajectory_kernel(trajectory: Trajectory) -> npt.NDArray[np.float64]:
    """Point spread function of a path: each point divides its weight among four pixels.

    Args:
        trajectory: ``(N, 2)``, row and column in pixels.

    Returns:
        ``(n, n)`` float64 with odd n, sum 1.
    """
    reach = int(np.ceil(np.abs(trajectory).max())) + 1
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1))
    base = np.floor(trajectory).astype(np.int64)
    fraction = trajectory - base
    for row in (0, 1):
        for column in (0, 1):
            weight = np.abs(1 - row - fraction[:, 0]) * np.abs(1 - column - fraction[:, 1])
            np.add.at(kernel, (base[:, 0] + row + reach, base[:, 1] + column + reach), weight)
    normalized: npt.NDArray[np.float64] = kernel / kernel.sum()
    return normalized


def blur_by_trajectory(
    image: FloatPixels, trajectory: Trajectory, *, gamma: float = 2.2, highlights: float = 1.0
) -> FloatPixels:
    """Blur an image along a path in linear light, where highlights form streaks.

    Args:
        image: ``(H, W, C)`` float32 [0, 1].
        trajectory: ``(N, 2)``, path of the camera in pixels.
        gamma: exponent from stored values to linear light; 1 blurs the stored values.
        highlights: linear light of saturated pixels, as in `light_from_values`.

    Returns:
        ``(H, W, C)`` float32 [0, 1].
    """
    light = light_from_values(image, gamma=gamma, highlights=highlights)
    return values_from_light(convolve(light, trajectory_kernel(trajectory)), gamma=gamma)
