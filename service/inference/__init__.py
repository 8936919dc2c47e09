"""Inference: tiles to Triton and back, retried as the server's condition asks for.

Begin with `triton`, the only module that imports Triton's client.
"""
