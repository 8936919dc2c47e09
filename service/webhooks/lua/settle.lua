-- KEYS: record, receivers. ARGV: id, lifetime, status, pause or '', whether the receiver answered
-- ('1', '0', or '' if it was not asked), failures that open its breaker, seconds for which that is
-- open, most seconds, field, value, ...
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local receiver, tenant = unpack(redis.call('HMGET', KEYS[1], 'receiver', 'tenant'))
if not receiver then return 0 end
redis.call('HSET', KEYS[1], 'status', ARGV[3], unpack(ARGV, 9))
redis.call('EXPIRE', KEYS[1], ARGV[2])
local due = 'hiir:receiver-due:' .. receiver
redis.call('ZREM', 'hiir:receiver-sending:' .. receiver, ARGV[1])
redis.call('ZREM', 'hiir:tenant-sending:' .. tenant, ARGV[1])
if ARGV[4] == '' then
  redis.call('ZREM', due, ARGV[1])
else
  redis.call('ZADD', due, now + ARGV[4], ARGV[1])
end
local breaker = 'hiir:receiver-breaker:' .. receiver
local paused = tonumber(redis.call('HGET', breaker, 'until') or 0)
if ARGV[5] == '1' then
  redis.call('DEL', breaker)
  paused = 0
elseif ARGV[5] == '0' and paused <= now then
  -- Failures of deliveries that were under way when it opened count once.
  local over = redis.call('HINCRBY', breaker, 'failures', 1) - ARGV[6]
  if over >= 0 then
    paused = now + math.min(ARGV[7] * 2 ^ math.min(over, 20), ARGV[8])
    redis.call('HSET', breaker, 'until', paused)
  end
  redis.call('EXPIRE', breaker, 86400)
end
local head = redis.call('ZRANGE', due, 0, 0, 'WITHSCORES')[2]
if head then
  redis.call('ZADD', KEYS[2], math.max(head, paused), receiver)
else
  redis.call('ZREM', KEYS[2], receiver)
end
local other = redis.call('SPOP', 'hiir:tenant-waiting:' .. tenant)
if other then redis.call('ZADD', KEYS[2], 'XX', 'LT', now, other) end
return 1
