"""The worker: a Celery application that leases jobs and restores their images.

Begin with `pipeline`, which names every step in order.
"""
