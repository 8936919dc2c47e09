"""Schemas: the JSON bodies of the API's answers; webhooks send that of a job too.

Begin with `job`. The bodies about webhooks themselves are in `webhooks.views`.
"""
