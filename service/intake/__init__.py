"""Intake: an uploaded photo is received, checked, and accepted as a job.

Begin with `receive`, then `check`, then `accept`.
"""
