"""State changes of jobs as Lua scripts. Redis runs each atomically, as a compare-and-swap.

KEYS[1] is the job's hash and ARGV[1] its id, except in CLAIM, which chooses the job; `queue.lua`
describes the queue. All times come from Redis's clock, the same for all processes. The holder of a
lease may repeat its script after a lost reply, and gets the same answer. The script that makes a
change visible to the owner also appends the event, and for a job with a webhook the delivery (see
`webhooks.store`), so that no event is missed or duplicated. Scripts read the status before they
write, because a write must not re-create a part of an expired record. A record expires only after
its job has ended.

The scripts may exceed `maxmemory`, because an accepted job must be able to run and to end in a full
store; CREATE checks the memory itself.
"""

from service.redis_connection import read_lua

QUEUE = "#!lua flags=allow-oom\n" + read_lua("service.jobs", "queue")
_PRELUDE = QUEUE + read_lua("service.jobs", "prelude")
CREATE = _PRELUDE + read_lua("service.jobs", "create")
CLAIM = _PRELUDE + read_lua("service.jobs", "claim")
REPORT = _PRELUDE + read_lua("service.jobs", "report")
FINISH = _PRELUDE + read_lua("service.jobs", "finish")
REQUEUE = _PRELUDE + read_lua("service.jobs", "requeue")
CANCEL = _PRELUDE + read_lua("service.jobs", "cancel")
RECLAIM = _PRELUDE + read_lua("service.jobs", "reclaim")
ATTACH = _PRELUDE + read_lua("service.jobs", "attach")
DISCARD = _PRELUDE + read_lua("service.jobs", "discard")
POSITION = QUEUE + read_lua("service.jobs", "position")
AHEAD = QUEUE + read_lua("service.jobs", "ahead")
TURNS = QUEUE + read_lua("service.jobs", "turns")
DUE = QUEUE + read_lua("service.jobs", "due")
