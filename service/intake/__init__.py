"""Intake: an uploaded photo is received, validated, and accepted as a job.

Begin with `receive`, then `check`, then `accept`.
"""
