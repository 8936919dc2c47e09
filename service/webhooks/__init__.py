"""Webhooks: allowed addresses, signing secrets, and deliveries.

Begin with `delivery`; `worker` holds the processes that send them.
"""
