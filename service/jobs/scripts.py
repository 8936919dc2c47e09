"""The job store's state changes as Lua: Redis runs each whole, so every one is a compare-and-swap.

KEYS[1] is always the job's hash; the id is ARGV[1]. Time is Redis's own, one clock for everyone.
A lease's holder may send its script twice, because the reply was lost: the answer is the same.
Every change that a job's owner can see is told in the job's stream of events by the same script, so
that none is missed and none is told twice; and so is, of a job with a webhook, what is to be sent:
a delivery is due from the moment at which it became true (see `delivery_store`). No script writes
to a record before it has read its status: an expired record must not come back as a fragment. A
record begins to expire when its job ends, and not before.
"""

_NOW = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local status = redis.call('HGET', KEYS[1], 'status')
local function tell(kind)
  local shown = {'status', 'stage', 'attempt', 'tiles_done', 'tiles_total', 'cancel_requested',
    'failure'}
  local event = {'kind', kind}
  for index, value in ipairs(redis.call('HMGET', KEYS[1], unpack(shown))) do
    if value then
      event[#event + 1] = shown[index]
      event[#event + 1] = value
    end
  end
  redis.call('XADD', 'hiir:events:' .. ARGV[1], 'MAXLEN', '~', 1024, '*', unpack(event))
end
local function send(event)
  local url, wanted = unpack(redis.call('HMGET', KEYS[1], 'webhook_url', 'webhook_events'))
  if not url or not string.find(wanted, event, 1, true) then return end
  local id = 'msg_' .. ARGV[1] .. '_' .. event
  local record = 'hiir:delivery:' .. id
  if redis.call('HSETNX', record, 'created_at', string.format('%.3f', now)) == 0 then return end
  redis.call('HSET', record, 'id', id, 'job_id', ARGV[1], 'event', event, 'url', url,
    'tenant', redis.call('HGET', KEYS[1], 'tenant'), 'status', 'pending')
  redis.call('EXPIRE', record, 172800)
  redis.call('ZADD', 'hiir:deliveries', now, id)
end
local function tell_end(seconds)
  local tenant = redis.call('HGET', KEYS[1], 'tenant') or 'open'
  redis.call('SREM', 'hiir:open:' .. tenant, ARGV[1])
  redis.call('SREM', 'hiir:open-batch:' .. tenant, ARGV[1])
  tell('completed')
  send('completed')
  redis.call('EXPIRE', 'hiir:events:' .. ARGV[1], seconds)
end
"""

CREATE = (
    _NOW
    + """
-- KEYS: job, queued, the tenant's jobs, those of them that are open, its pixels of the day.
-- ARGV: id, created at, prefix of records, source, most open jobs, pixels, most pixels, field,
-- value, ...
-- Returns 1 if the job was made, now or in a call before, 0 if there is another with this id, -1 if
-- the tenant has too many open ones, and -2 if it has had too many pixels.
if status then return redis.call('HGET', KEYS[1], 'source') == ARGV[4] and 1 or 0 end
if redis.call('SCARD', KEYS[4]) >= tonumber(ARGV[5]) then return -1 end
if (redis.call('GET', KEYS[5]) or 0) + ARGV[6] > tonumber(ARGV[7]) then return -2 end
redis.call('SADD', KEYS[4], ARGV[1])
redis.call('INCRBY', KEYS[5], ARGV[6])
redis.call('EXPIRE', KEYS[5], 172800)
redis.call('HSET', KEYS[1], unpack(ARGV, 8))
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[1])
-- The list is as short as the records are: for each job that comes, two that are gone may go.
for _, id in ipairs(redis.call('ZRANGE', KEYS[3], 0, 1)) do
  if redis.call('EXISTS', ARGV[3] .. id) == 0 then redis.call('ZREM', KEYS[3], id) end
end
redis.call('ZADD', KEYS[3], ARGV[2], ARGV[1])
tell('status')
return 1
"""
)

LEASE = (
    _NOW
    + """
-- KEYS: job, queued, leases. ARGV: id, token, worker, lease seconds. Returns 1 if leased.
if status == 'running' and redis.call('HGET', KEYS[1], 'lease') == ARGV[2] then return 1 end
if status ~= 'queued' then
  if not status then redis.call('ZREM', KEYS[2], ARGV[1]) end
  return 0
end
redis.call('HINCRBY', KEYS[1], 'attempt', 1)
redis.call('HSET', KEYS[1], 'status', 'running', 'lease', ARGV[2], 'worker', ARGV[3],
  'stage', 'decode')
redis.call('HSETNX', KEYS[1], 'started_at', string.format('%.3f', now))
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZADD', KEYS[3], now + ARGV[4], ARGV[1])
tell('status')
send('started')
return 1
"""
)

REPORT = (
    _NOW
    + """
-- KEYS: job, leases. ARGV: id, token, lease seconds[, stage, tiles done, tiles total].
-- Returns 0 if the lease is lost, 2 if the job is to stop, else 1.
if status ~= 'running' or redis.call('HGET', KEYS[1], 'lease') ~= ARGV[2] then return 0 end
redis.call('ZADD', KEYS[2], now + ARGV[3], ARGV[1])
if ARGV[4] then
  local before = redis.call('HMGET', KEYS[1], 'tiles_done', 'stage', 'tiles_total')
  local done = math.max(tonumber(before[1] or 0), tonumber(ARGV[5]))
  redis.call('HSET', KEYS[1], 'stage', ARGV[4], 'tiles_done', done, 'tiles_total', ARGV[6])
  if before[1] ~= tostring(done) or before[2] ~= ARGV[4] or before[3] ~= ARGV[6] then
    tell('progress')
  end
end
if redis.call('HEXISTS', KEYS[1], 'cancel_requested') == 1 then return 2 end
return 1
"""
)

FINISH = (
    _NOW
    + """
-- KEYS: job, leases. ARGV: id, token, status, record seconds, lifetime, field, value, ...
-- Returns 1 if this holder ended the job, now or in a call before, 0 if the lease is lost, and 2 if
-- the job was to succeed but is to stop: its owner was promised that nothing of it will be left.
if redis.call('HGET', KEYS[1], 'finished_by') == ARGV[2] then return 1 end
if status ~= 'running' or redis.call('HGET', KEYS[1], 'lease') ~= ARGV[2] then return 0 end
if ARGV[3] == 'succeeded' and redis.call('HEXISTS', KEYS[1], 'cancel_requested') == 1 then
  return 2
end
redis.call('HSET', KEYS[1], 'status', ARGV[3], 'finished_by', ARGV[2],
  'finished_at', string.format('%.3f', now), 'expires_at', string.format('%.3f', now + ARGV[5]),
  unpack(ARGV, 6))
redis.call('HDEL', KEYS[1], 'lease')
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[4])
tell_end(ARGV[4])
return 1
"""
)

RELEASE = (
    _NOW
    + """
-- KEYS: job, queued, leases. ARGV: id, token. Gives the job back as if it had not been taken.
-- Returns 1 if it was given back, 0 if the lease is lost, 2 if the job is to stop instead.
if status == 'queued' and redis.call('HGET', KEYS[1], 'released_by') == ARGV[2] then return 1 end
if status ~= 'running' or redis.call('HGET', KEYS[1], 'lease') ~= ARGV[2] then return 0 end
if redis.call('HEXISTS', KEYS[1], 'cancel_requested') == 1 then return 2 end
redis.call('HINCRBY', KEYS[1], 'attempt', -1)
redis.call('HSET', KEYS[1], 'status', 'queued', 'stage', 'queued', 'released_by', ARGV[2],
  'published_at', string.format('%.3f', now))
redis.call('HDEL', KEYS[1], 'lease')
redis.call('ZREM', KEYS[3], ARGV[1])
redis.call('ZADD', KEYS[2], redis.call('HGET', KEYS[1], 'created_at'), ARGV[1])
tell('status')
return 1
"""
)

CANCEL = (
    _NOW
    + """
-- KEYS: job, queued. ARGV: id, record seconds, whether an ended job is purged (1 or 0).
-- Returns the status that it found, or nil.
if status == 'queued' then
  redis.call('HSET', KEYS[1], 'status', 'canceled', 'cancel_requested', '1',
    'finished_at', string.format('%.3f', now), 'expires_at', string.format('%.3f', now + ARGV[2]))
  redis.call('ZREM', KEYS[2], ARGV[1])
  redis.call('EXPIRE', KEYS[1], ARGV[2])
  tell_end(ARGV[2])
elseif status == 'running' then
  if redis.call('HSETNX', KEYS[1], 'cancel_requested', '1') == 1 then tell('status') end
elseif status and ARGV[3] == '1' then
  redis.call('HSET', KEYS[1], 'purged', '1')
end
return status
"""
)

RECLAIM = (
    _NOW
    + """
-- KEYS: job, queued, leases. ARGV: id, max attempts, record seconds, failure.
-- Takes a job from a silent holder. Returns its new status, or nil if there is nothing to take.
local expiry = redis.call('ZSCORE', KEYS[3], ARGV[1])
if not expiry or tonumber(expiry) > now then return nil end
redis.call('ZREM', KEYS[3], ARGV[1])
if status ~= 'running' then return nil end
redis.call('HDEL', KEYS[1], 'lease')
local at = string.format('%.3f', now)
if redis.call('HEXISTS', KEYS[1], 'cancel_requested') == 1 then
  status = 'canceled'
elseif tonumber(redis.call('HGET', KEYS[1], 'attempt')) >= tonumber(ARGV[2]) then
  status = 'failed'
  redis.call('HSET', KEYS[1], 'failure', ARGV[4])
else
  redis.call('HSET', KEYS[1], 'status', 'queued', 'stage', 'queued', 'published_at', at)
  redis.call('ZADD', KEYS[2], redis.call('HGET', KEYS[1], 'created_at'), ARGV[1])
  tell('status')
  return 'queued'
end
redis.call('HSET', KEYS[1], 'status', status, 'finished_at', at,
  'expires_at', string.format('%.3f', now + ARGV[3]))
redis.call('EXPIRE', KEYS[1], ARGV[3])
tell_end(ARGV[3])
return status
"""
)

REPUBLISH = (
    _NOW
    + """
-- KEYS: job, queued. ARGV: id, age in seconds. Returns 1 if a new message is to be sent.
if status ~= 'queued' then
  redis.call('ZREM', KEYS[2], ARGV[1])
  return 0
end
local published = tonumber(redis.call('HGET', KEYS[1], 'published_at') or
  redis.call('HGET', KEYS[1], 'created_at'))
if now - published < tonumber(ARGV[2]) then return 0 end
redis.call('HSET', KEYS[1], 'published_at', string.format('%.3f', now))
return 1
"""
)

DISCARD = (
    _NOW
    + """
-- KEYS: job, queued, the tenant's jobs, those of them that are open, its pixels of the day.
-- ARGV: id, pixels. As if it had never been: nothing of it is counted.
if not status then return 0 end
redis.call('DEL', KEYS[1], 'hiir:events:' .. ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[1])
redis.call('SREM', KEYS[4], ARGV[1])
if redis.call('DECRBY', KEYS[5], ARGV[2]) <= 0 then redis.call('DEL', KEYS[5]) end
return 1
"""
)
