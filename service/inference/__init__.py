"""Inference: sends tiles to Triton and retries them.

Begin with `triton`, the only module that uses Triton's client.
"""
