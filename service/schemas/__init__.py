"""Schemas: the JSON bodies of the API's answers, which webhooks send too.

Begin with `job`.
"""
