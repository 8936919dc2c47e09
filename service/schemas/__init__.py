"""Schemas: the JSON bodies of the API's responses; webhooks also send those of jobs.

Begin with `job`. The bodies about webhooks themselves are in `webhooks.views`.
"""
