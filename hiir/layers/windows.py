"""Grouping of tokens into attention windows, contiguous (L1) or dispersed (L2).

Provenance: Hi-IR, section 3 (hierarchical information flow): L1 mixes tokens of one local
window, L2 mixes tokens that lie at the same offset of neighboring cells of a larger region.
"""

from torch import Tensor

__all__ = ["merge_windows", "split_windows"]


def split_windows(tokens: Tensor, *, window: int, region: int) -> Tensor:
    """Gather the tokens that attend to each other.

    A region of ``region x region`` tokens is seen as ``window x window`` cells of stride
    ``s = region / window``; tokens at the same offset inside their cells form one window. With
    ``region == window`` the stride is 1 and the window is the contiguous patch of L1.

    Args:
        tokens: ``(B, H, W, C)``; H and W are multiples of ``region``.
        window: tokens on a side of one window.
        region: tokens on a side of the area that one window spans; a multiple of ``window``.

    Returns:
        ``(B * H * W / window**2, window**2, C)``.
    """
    b, h, w, c = tokens.shape
    stride = region // window
    if stride == 1:
        cells = tokens.view(b, h // window, window, w // window, window, c)
        return cells.permute(0, 1, 3, 2, 4, 5).reshape(-1, window * window, c)
    cells = tokens.view(b, h // region, window, stride, w // region, window, stride, c)
    return cells.permute(0, 1, 4, 3, 6, 2, 5, 7).reshape(-1, window * window, c)


def merge_windows(windows: Tensor, *, height: int, width: int, window: int, region: int) -> Tensor:
    """Put gathered windows back into the plane: the inverse of :func:`split_windows`.

    Args:
        windows: ``(B * H * W / window**2, window**2, C)``.
        height: H of the plane, a multiple of ``region``.
        width: W of the plane, a multiple of ``region``.
        window: tokens on a side of one window.
        region: tokens on a side of the area that one window spans.

    Returns:
        ``(B, H, W, C)``, contiguous.
    """
    c = windows.shape[-1]
    stride = region // window
    rows, columns = height // region, width // region
    if stride == 1:
        cells = windows.view(-1, rows, columns, window, window, c)
        return cells.permute(0, 1, 3, 2, 4, 5).reshape(-1, height, width, c)
    cells = windows.view(-1, rows, columns, stride, stride, window, window, c)
    return cells.permute(0, 1, 5, 3, 2, 6, 4, 7).reshape(-1, height, width, c)
