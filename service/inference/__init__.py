"""Tile inference: the seam to Triton."""
