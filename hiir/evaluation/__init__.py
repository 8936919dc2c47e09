"""Evaluation: metrics, engines and test sets."""
