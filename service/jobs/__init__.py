"""Jobs: what one is, its state machine in Redis, its queue, its events and its files.

Begin with `job` (what a job is), then `store` and the Lua transactions in `scripts`.
"""
