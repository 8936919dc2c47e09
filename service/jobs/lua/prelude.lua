-- Part of every job script. emit() appends an event to those of the job and to those of its tenant,
-- and publishes it; send() makes a delivery due if the job has a
-- webhook for the event; memory() returns the bytes in use, those reserved for results, and the
-- maximum (0 if there is none); release() frees what the job has reserved; start_next() queues
-- the next job of a tenant's batches that has waited for its turn; emit_end() ends the job's events,
-- frees its tenant's quota and ends its batch if it was the last one. The events are kept for ten
-- minutes from then on.
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local status = redis.call('HGET', KEYS[1], 'status')
local function stamp(at) return string.format('%.3f', at) end
local function emit(kind)
  local shown = {'status', 'stage', 'attempt', 'tiles_done', 'tiles_total', 'tile_columns',
    'cancel_requested', 'failure'}
  local event = {'kind', kind}
  for index, value in ipairs(redis.call('HMGET', KEYS[1], unpack(shown))) do
    if value then
      event[#event + 1] = shown[index]
      event[#event + 1] = value
    end
  end
  local id = redis.call('XADD', 'hiir:events:' .. ARGV[1], 'MAXLEN', '~', 1024, '*', unpack(event))
  local tenant, client_id, batch_id =
    unpack(redis.call('HMGET', KEYS[1], 'tenant', 'client_id', 'batch_id'))
  tenant = tenant or 'open'
  local owned = {'job_id', client_id or ARGV[1], 'batch_id', batch_id or '', unpack(event)}
  local stream = 'hiir:tenant-events:' .. tenant
  local tenant_id = redis.call('XADD', stream, 'MAXLEN', '~', 4096, '*', unpack(owned))
  redis.call('EXPIRE', stream, 600)
  redis.call('PUBLISH', 'hiir:events',
    cjson.encode({ARGV[1], id, tenant, tenant_id, unpack(owned)}))
  return id
end
local function deliver(id, owner, event, subject, subject_id)
  local url, wanted, tenant =
    unpack(redis.call('HMGET', owner, 'webhook_url', 'webhook_events', 'tenant'))
  if not url or not string.find(',' .. wanted .. ',', ',' .. event .. ',', 1, true) then return end
  local record = 'hiir:delivery:' .. id
  if redis.call('HSETNX', record, 'created_at', stamp(now)) == 0 then return end
  local receiver = tenant .. ' ' .. string.lower(string.match(url, '^%a+://[^/?#]+') or url)
  redis.call('HSET', record, 'id', id, subject, subject_id, 'event', event, 'url', url,
    'tenant', tenant, 'receiver', receiver, 'status', 'pending')
  redis.call('EXPIRE', record, 172800)
  redis.call('ZADD', 'hiir:receiver-due:' .. receiver, now, id)
  redis.call('ZADD', 'hiir:receivers', 'LT', now, receiver)
end
local function send(event)
  deliver('msg_' .. ARGV[1] .. '_' .. event, KEYS[1], event, 'job_id', ARGV[1])
end
local function memory()
  local info = redis.call('INFO', 'memory')
  return tonumber(string.match(info, '\nused_memory:(%d+)')),
    tonumber(redis.call('GET', 'hiir:reserved') or 0),
    tonumber(string.match(info, '\nmaxmemory:(%d+)'))
end
local function release()
  local reserved = redis.call('HGET', KEYS[1], 'reserved_bytes')
  if not reserved then return end
  redis.call('HDEL', KEYS[1], 'reserved_bytes')
  if redis.call('DECRBY', 'hiir:reserved', reserved) <= 0 then
    redis.call('DEL', 'hiir:reserved')
  end
end
local function start_next(tenant)
  local first = redis.call('ZPOPMIN', 'hiir:held:' .. tenant)
  if #first == 0 then return false end
  local id, record = first[1], 'hiir:job:' .. first[1]
  if redis.call('HGET', record, 'status') ~= 'queued' then return start_next(tenant) end
  redis.call('SADD', 'hiir:open-batch:' .. tenant, id)
  redis.call('HSET', record, 'published_at', stamp(now))
  redis.call('ZADD', 'hiir:queued', first[2], id)
  redis.call('RPUSH', 'hiir:started', id)
  return true
end
local function end_batch(batch)
  local record = 'hiir:batch-state:' .. batch
  local lifetimes = redis.call('HMGET', record, 'result_seconds', 'record_seconds')
  if not lifetimes[1] then return end
  redis.call('HSET', record, 'ended_at', stamp(now))
  for _, id in ipairs(redis.call('SMEMBERS', 'hiir:batch-jobs:' .. batch)) do
    local job = 'hiir:job:' .. id
    local ended = redis.call('HGET', job, 'status')
    if ended then
      redis.call('EXPIRE', job, lifetimes[2])
      if ended == 'succeeded' then
        redis.call('HSET', job, 'expires_at', stamp(now + lifetimes[1]))
      end
    end
  end
  local times = redis.call('HINCRBY', record, 'ends', 1)
  deliver('msg_' .. batch .. '_' .. times, record, 'batch.completed', 'batch_id', batch)
  redis.call('RPUSH', 'hiir:ended-batches', batch)
end
local function emit_end()
  release()
  local tenant = redis.call('HGET', KEYS[1], 'tenant') or 'open'
  redis.call('SREM', 'hiir:open:' .. tenant, ARGV[1])
  if redis.call('SREM', 'hiir:open-batch:' .. tenant, ARGV[1]) == 1 then start_next(tenant) end
  redis.call('HSET', KEYS[1], 'last_event', emit('completed'))
  send('completed')
  redis.call('EXPIRE', 'hiir:events:' .. ARGV[1], 600)
  local batch = redis.call('HGET', KEYS[1], 'batch_id')
  if not batch then return end
  local open = 'hiir:batch-open:' .. batch
  if redis.call('SREM', open, ARGV[1]) == 1 and redis.call('EXISTS', open) == 0 then
    end_batch(batch)
  end
end
