"""Tiles to Triton and back."""
