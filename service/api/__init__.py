"""The HTTP API: routes that parse a request, call a plain function and map its answer.

Begin with `routes/jobs`; `app` puts everything together.
"""
