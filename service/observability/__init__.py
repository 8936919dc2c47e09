"""Observability: metrics, logs, and the W3C trace context that they carry.

Begin with `metrics`.
"""
