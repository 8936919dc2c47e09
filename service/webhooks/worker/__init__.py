"""The webhook worker: a Celery application that signs and sends the deliveries that are due.

Begin with `app`, then `deliverer`.
"""
