"""The whole stack on one machine, from pip wheels: Redis, Triton, worker and API under one parent.

`python -m service.embedded up` runs it. Each server is a module that says how it is started and
how it is probed (`redis`, `triton`), `stack` puts them in order, `supervisor` keeps them alive.
"""
