-- KEYS: job. ARGV: id, record seconds, whether an ended job is purged (1 or 0).
-- Returns the previous status, or nil. The pixels of a job that has never run are not counted.
if status == 'queued' then
  redis.call('HSET', KEYS[1], 'status', 'canceled', 'cancel_requested', '1',
    'finished_at', stamp(now), 'expires_at', stamp(now + ARGV[2]))
  dequeue(KEYS[1], ARGV[1])
  local tenant, pixels, created, started =
    unpack(redis.call('HMGET', KEYS[1], 'tenant', 'pixels', 'created_at', 'started_at'))
  redis.call('ZREM', 'hiir:held:' .. tenant, ARGV[1])
  local spent = 'hiir:pixels:' .. tenant .. ':' .. math.floor(created / 86400)
  if not started and redis.call('EXISTS', spent) == 1 then redis.call('DECRBY', spent, pixels) end
  redis.call('EXPIRE', KEYS[1], ARGV[2])
  emit_end()
elseif status == 'running' then
  if redis.call('HSETNX', KEYS[1], 'cancel_requested', '1') == 1 then emit('status') end
elseif status and ARGV[3] == '1' then
  redis.call('HSET', KEYS[1], 'purged', '1')
  forget()
end
return status
