"""Capacity: the quotas of each tenant, and the load and readiness of the whole service.

Begin with `quotas` (one tenant) and `backlog` (all waiting work).
"""
