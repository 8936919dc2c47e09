"""Jobs: their state machine in Redis, their queue, their events and their files.

Begin with `job` (the data), then read `store` and the Lua transactions in `scripts`.
"""
