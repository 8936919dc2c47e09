"""The webhook worker: a Celery application that signs and sends due deliveries.

Begin with `app`, then `deliverer`.
"""
