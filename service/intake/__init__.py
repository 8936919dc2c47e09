"""Intake: receives an uploaded photo, validates it, and accepts it as a job.

Begin with `receive`, then `check`, then `accept`.
"""
