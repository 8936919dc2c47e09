-- Part of every job script. emit() appends an event; send() makes a delivery due if the job has a
-- webhook for the event; memory() returns the bytes in use, those reserved for results, and the
-- maximum (0 if there is none); release() gives back what the job has reserved; emit_end() ends the
-- job's events and frees its tenant's quota.
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local status = redis.call('HGET', KEYS[1], 'status')
local function emit(kind)
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
  redis.call('DECRBY', 'hiir:reserved', reserved)
end
local function emit_end(seconds)
  release()
  local tenant = redis.call('HGET', KEYS[1], 'tenant') or 'open'
  redis.call('SREM', 'hiir:open:' .. tenant, ARGV[1])
  redis.call('SREM', 'hiir:open-batch:' .. tenant, ARGV[1])
  emit('completed')
  send('completed')
  redis.call('EXPIRE', 'hiir:events:' .. ARGV[1], seconds)
end
