"""Starts Triton on a GPU: compares every model with float32 first, and keeps TensorRT's engines.

Runs in NVIDIA's Triton image, without the project's dependencies: standard library only.
"""
