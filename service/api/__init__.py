"""The HTTP API: thin routes over plain functions.

Begin with `routes/jobs`; `app` and `services` put everything together.
"""
