-- Part of every script that queues a job or takes one out. Each priority has a queue of its own, in
-- which tenants take turns:
--   hiir:queue:<priority>:<tenant>  the tenant's queued jobs by creation time
--   hiir:turns:<priority>           one turn for each queued job, by its round
--   hiir:rounds:<priority>          the round of each tenant's first turn
--   hiir:round:<priority>           the latest round in which a job was taken
-- A tenant has one turn per round, so that its turns have consecutive rounds; the turns are not
-- bound to jobs. Taking a job takes the first turn, and canceling one removes the last.
-- Waiting jobs are also counted for the metrics and for the predicted wait:
--   hiir:waiting                    the names <priority>:<task> of the next keys
--   hiir:waiting:<priority>:<task>  waiting jobs by creation time
--   hiir:waiting-pixels             their pixels by <priority>:<SHA-256 of the weights>
-- hiir:delayed holds waiting jobs without a turn by the time at which they get one.
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local function priority_of(record)
  local priority, batch = unpack(redis.call('HMGET', record, 'priority', 'batch_id'))
  return priority or (batch and 'batch' or 'interactive')  -- records of the previous release
end
local function tenant_of(record) return redis.call('HGET', record, 'tenant') or 'open' end
local function turn_of(round, tenant) return string.format('%015d:%s', round, tenant) end
local function current_round(priority)
  return tonumber(redis.call('GET', 'hiir:round:' .. priority) or 0)
end
local function count_waiting(record, id, is_waiting)
  local task, weights, pixels, created =
    unpack(redis.call('HMGET', record, 'task', 'model_sha256', 'pixels', 'created_at'))
  if not task then return end
  local priority = priority_of(record)
  local name = priority .. ':' .. task
  local key = 'hiir:waiting:' .. name
  if is_waiting then
    if redis.call('ZADD', key, created, id) == 0 then return end
    redis.call('SADD', 'hiir:waiting', name)
  else
    if redis.call('ZREM', key, id) == 0 then return end
    if redis.call('EXISTS', key) == 0 then redis.call('SREM', 'hiir:waiting', name) end
    pixels = -(pixels or 0)
  end
  local model = priority .. ':' .. weights
  if redis.call('HINCRBY', 'hiir:waiting-pixels', model, pixels or 0) <= 0 then
    redis.call('HDEL', 'hiir:waiting-pixels', model)
  end
end
local function enqueue(record, id, again)
  -- `again`: the job had its turn but did not end, so it comes first.
  local tenant, priority = tenant_of(record), priority_of(record)
  local jobs = 'hiir:queue:' .. priority .. ':' .. tenant
  local rounds = 'hiir:rounds:' .. priority
  count_waiting(record, id, true)
  local created = redis.call('HGET', record, 'created_at')
  if redis.call('ZADD', jobs, created, id) == 0 then return end
  local first = tonumber(redis.call('HGET', rounds, tenant))
  local round
  if again then
    round = first and first - 1 or current_round(priority)
  else
    round = first and first + redis.call('ZCARD', jobs) - 1 or current_round(priority) + 1
  end
  if again or not first then redis.call('HSET', rounds, tenant, round) end
  redis.call('ZADD', 'hiir:turns:' .. priority, round, turn_of(round, tenant))
end
local function delay(record, id, seconds)
  count_waiting(record, id, true)
  redis.call('ZADD', 'hiir:delayed', now + seconds, id)
end
local function dequeue(record, id)
  count_waiting(record, id, false)
  if redis.call('ZREM', 'hiir:delayed', id) == 1 then return end
  local tenant, priority = tenant_of(record), priority_of(record)
  local jobs = 'hiir:queue:' .. priority .. ':' .. tenant
  if redis.call('ZREM', jobs, id) == 0 then return end
  local left, rounds = redis.call('ZCARD', jobs), 'hiir:rounds:' .. priority
  local last = redis.call('HGET', rounds, tenant) + left
  redis.call('ZREM', 'hiir:turns:' .. priority, turn_of(last, tenant))
  if left == 0 then redis.call('HDEL', rounds, tenant) end
end
local function first_turn(priority)
  -- Returns the first turn, its round and its tenant, or nil.
  local turn = redis.call('ZRANGE', 'hiir:turns:' .. priority, 0, 0)[1]
  if turn then return turn, string.match(turn, '^(-?%d+):(.*)$') end
end
local function take(priority)
  -- Take the next job out and return its id, or nil.
  local turn, round, tenant = first_turn(priority)
  if not turn then return nil end
  local jobs, rounds = 'hiir:queue:' .. priority .. ':' .. tenant, 'hiir:rounds:' .. priority
  local id = redis.call('ZPOPMIN', jobs)[1]
  redis.call('ZREM', 'hiir:turns:' .. priority, turn)
  if redis.call('EXISTS', jobs) == 0 then
    redis.call('HDEL', rounds, tenant)
  else
    redis.call('HSET', rounds, tenant, round + 1)
  end
  if tonumber(round) > current_round(priority) then
    redis.call('SET', 'hiir:round:' .. priority, tonumber(round))
  end
  if not id then return take(priority) end
  local record = 'hiir:job:' .. id
  count_waiting(record, id, false)
  if redis.call('HGET', record, 'status') ~= 'queued' then return take(priority) end
  return id
end
local function adopt()
  -- Queue jobs that the previous release has queued; a few at a time, as there may be many.
  for _ = 1, 64 do
    local id = redis.call('ZPOPMIN', 'hiir:queued')[1]
    if not id then return end
    local record = 'hiir:job:' .. id
    if redis.call('HGET', record, 'status') == 'queued' then enqueue(record, id) end
  end
end
local function count_slots()
  local slots = 0
  for _, worker in ipairs(redis.call('ZRANGEBYSCORE', 'hiir:workers', now, '+inf')) do
    slots = slots + (redis.call('GET', 'hiir:slots:' .. worker) or 0)
  end
  return slots
end
local function batch_room(slots, kept)
  -- How many more jobs of priority batch may run; at least one may, whatever is kept.
  local most = math.max(slots - kept, 1)
  return math.max(most - redis.call('SCARD', 'hiir:running-batch'), 0)
end
