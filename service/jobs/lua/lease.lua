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
emit('status')
send('started')
return 1
