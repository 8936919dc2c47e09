"""Observability: metrics, structured logs, and the W3C trace context they carry.

Begin with `metrics`.
"""
