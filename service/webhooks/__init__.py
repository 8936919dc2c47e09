"""Webhooks: where they may go, the secrets that sign them, and their deliveries.

Begin with `delivery`; the processes that send them are in `worker`.
"""
