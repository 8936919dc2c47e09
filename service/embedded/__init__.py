"""The whole stack on one machine, from pip wheels: Redis, Triton, workers and the API.

Begin with `stack`, which puts the components in order; `supervisor` keeps them alive.
"""
