-- KEYS: job, queued. ARGV: id, record seconds, whether an ended job is purged (1 or 0).
-- Returns the previous status, or nil.
if status == 'queued' then
  redis.call('HSET', KEYS[1], 'status', 'canceled', 'cancel_requested', '1',
    'finished_at', string.format('%.3f', now), 'expires_at', string.format('%.3f', now + ARGV[2]))
  redis.call('ZREM', KEYS[2], ARGV[1])
  redis.call('EXPIRE', KEYS[1], ARGV[2])
  emit_end(ARGV[2])
elseif status == 'running' then
  if redis.call('HSETNX', KEYS[1], 'cancel_requested', '1') == 1 then emit('status') end
elseif status and ARGV[3] == '1' then
  redis.call('HSET', KEYS[1], 'purged', '1')
end
return status
