-- Part of every script that changes a job; `this` is its record and `this_id` its id. emit()
-- appends an event to those of the job and to those of its tenant, and publishes it; send() makes a
-- delivery due if the job has a webhook for the event; memory() returns the bytes in use, those
-- reserved for results, and the maximum (0 if there is none); release() frees what the job has
-- reserved; start_next() queues the next held job of a tenant's batches; end_lease() takes the job
-- from its worker; remember() lets later submissions of the same find its result, until forget();
-- emit_end() ends the job's events, frees its tenant's quota and ends its batch if it was the last
-- one. The events are kept for ten minutes from then on.
local this, this_id = KEYS[1], ARGV[1]
local status = redis.call('HGET', this, 'status')
local function stamp(at) return string.format('%.3f', at) end
local function emit(kind)
  local shown = {'status', 'stage', 'attempt', 'tiles_done', 'tiles_total', 'tile_columns',
    'cancel_requested', 'failure'}
  local event = {'kind', kind}
  for index, value in ipairs(redis.call('HMGET', this, unpack(shown))) do
    if value then
      event[#event + 1] = shown[index]
      event[#event + 1] = value
    end
  end
  local id = redis.call('XADD', 'hiir:events:' .. this_id, 'MAXLEN', '~', 1024, '*', unpack(event))
  local tenant, client_id, batch_id =
    unpack(redis.call('HMGET', this, 'tenant', 'client_id', 'batch_id'))
  tenant = tenant or 'open'
  local owned = {'job_id', client_id or this_id, 'batch_id', batch_id or '', unpack(event)}
  local stream = 'hiir:tenant-events:' .. tenant
  local tenant_id = redis.call('XADD', stream, 'MAXLEN', '~', 4096, '*', unpack(owned))
  redis.call('EXPIRE', stream, 600)
  redis.call('PUBLISH', 'hiir:events',
    cjson.encode({this_id, id, tenant, tenant_id, unpack(owned)}))
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
  deliver('msg_' .. this_id .. '_' .. event, this, event, 'job_id', this_id)
end
local function memory()
  local info = redis.call('INFO', 'memory')
  return tonumber(string.match(info, '\nused_memory:(%d+)')),
    tonumber(redis.call('GET', 'hiir:reserved') or 0),
    tonumber(string.match(info, '\nmaxmemory:(%d+)'))
end
local function release()
  local reserved = redis.call('HGET', this, 'reserved_bytes')
  if not reserved then return end
  redis.call('HDEL', this, 'reserved_bytes')
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
  enqueue(record, id)
  return true
end
local function end_lease()
  redis.call('HDEL', this, 'lease')
  redis.call('ZREM', 'hiir:leases', this_id)
  redis.call('SREM', 'hiir:running-batch', this_id)
end
local function cache_entry()
  local tenant, key = unpack(redis.call('HMGET', this, 'tenant', 'cache_key'))
  return key and 'hiir:cached:' .. tenant .. ':' .. key
end
local function remember(seconds)
  local entry = cache_entry()
  if not entry then return end
  redis.call('LPUSH', entry, this_id)
  redis.call('LTRIM', entry, 0, 3) -- more than one, because the latest may be deleted first
  if redis.call('TTL', entry) < tonumber(seconds) then redis.call('EXPIRE', entry, seconds) end
end
local function forget()
  local entry = cache_entry()
  if entry then redis.call('LREM', entry, 0, this_id) end
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
  local tenant = redis.call('HGET', this, 'tenant') or 'open'
  redis.call('SREM', 'hiir:open:' .. tenant, this_id)
  if redis.call('SREM', 'hiir:open-batch:' .. tenant, this_id) == 1 then start_next(tenant) end
  redis.call('HSET', this, 'last_event', emit('completed'))
  send('completed')
  redis.call('EXPIRE', 'hiir:events:' .. this_id, 600)
  local batch = redis.call('HGET', this, 'batch_id')
  if not batch then return end
  local open = 'hiir:batch-open:' .. batch
  if redis.call('SREM', open, this_id) == 1 and redis.call('EXISTS', open) == 0 then
    end_batch(batch)
  end
end
