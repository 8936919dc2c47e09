"""The worker: a Celery application that restores one photo for each job it leases.

Begin with `pipeline`, which names every step in order.
"""
