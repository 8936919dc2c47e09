-- KEYS: job, queued, leases. ARGV: id, token, worker, lease seconds, percentage of memory in use from
-- which no job is leased, seconds that a job waits for memory. Returns 1 if leased; 2 if the job must
-- wait because the store is nearly full; 3 if leased only because it has waited for too long.
if status == 'running' and redis.call('HGET', KEYS[1], 'lease') == ARGV[2] then return 1 end
if status ~= 'queued' then
  if not status then redis.call('ZREM', KEYS[2], ARGV[1]) end
  return 0
end
local used, _, maximum = memory()
local full = maximum > 0 and used >= maximum * ARGV[5] / 100
if full then
  redis.call('HSETNX', KEYS[1], 'full_since', string.format('%.3f', now))
  if now - redis.call('HGET', KEYS[1], 'full_since') < tonumber(ARGV[6]) then return 2 end
else
  redis.call('HDEL', KEYS[1], 'full_since')
end
redis.call('HINCRBY', KEYS[1], 'attempt', 1)
redis.call('HSET', KEYS[1], 'status', 'running', 'lease', ARGV[2], 'worker', ARGV[3],
  'stage', 'decode')
redis.call('HSETNX', KEYS[1], 'started_at', string.format('%.3f', now))
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZADD', KEYS[3], now + ARGV[4], ARGV[1])
emit('status')
send('started')
return full and 3 or 1
