"""Capacity: the quotas of a tenant, and the load and readiness of the whole service.

Begin with `quotas` (one tenant) and `backlog` (all work that is waiting).
"""
