"""Measured quality: metrics, engines, whole test sets."""
