"""The job store's state changes as Lua: Redis runs each whole, so every one is a compare-and-swap.

KEYS[1] is always the job's hash; the id is ARGV[1]. Time is Redis's own, one clock for everyone.
A lease's holder may send its script twice, because the reply was lost: the answer is the same.
Every change that a job's owner can see is told in the job's stream of events by the same script, so
that none is missed and none is told twice; and so is, of a job with a webhook, what is to be sent:
a delivery is due from the moment at which it became true (see `delivery_store`). No script writes
to a record before it has read its status: an expired record must not come back as a fragment. A
record begins to expire when its job ends, and not before.
"""

from service.redis_connection import read_lua

_PRELUDE = read_lua("service.jobs", "prelude")
CREATE = _PRELUDE + read_lua("service.jobs", "create")
LEASE = _PRELUDE + read_lua("service.jobs", "lease")
REPORT = _PRELUDE + read_lua("service.jobs", "report")
FINISH = _PRELUDE + read_lua("service.jobs", "finish")
REQUEUE = _PRELUDE + read_lua("service.jobs", "requeue")
CANCEL = _PRELUDE + read_lua("service.jobs", "cancel")
RECLAIM = _PRELUDE + read_lua("service.jobs", "reclaim")
REPUBLISH = _PRELUDE + read_lua("service.jobs", "republish")
DISCARD = _PRELUDE + read_lua("service.jobs", "discard")
