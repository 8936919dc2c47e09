"""Capacity: what a tenant may still do, and what the whole service can do now.

Begin with `quotas` (one tenant) and `backlog` (all of the work that is waiting).
"""
