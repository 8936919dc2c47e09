-- KEYS: record, receivers. ARGV: id, lifetime, most renewals of a tenant in a minute. A delivery that
-- is being sent is due again when its claim ends. Returns the seconds to wait if the tenant has
-- renewed too many, else 0.
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local receiver, tenant = unpack(redis.call('HMGET', KEYS[1], 'receiver', 'tenant'))
if not receiver then return 0 end
local counter = 'hiir:redeliveries:' .. tenant
local count = redis.call('INCR', counter)
if count == 1 then redis.call('EXPIRE', counter, 60) end
if count > tonumber(ARGV[3]) then return math.max(redis.call('TTL', counter), 1) end
redis.call('HSET', KEYS[1], 'status', 'pending', 'tries', 0)
redis.call('EXPIRE', KEYS[1], ARGV[2])
-- The owner knows better than the breaker: the next delivery finds out.
redis.call('HDEL', 'hiir:receiver-breaker:' .. receiver, 'until')
if not redis.call('ZSCORE', 'hiir:receiver-sending:' .. receiver, ARGV[1]) then
  redis.call('ZADD', 'hiir:receiver-due:' .. receiver, now, ARGV[1])
end
redis.call('ZADD', KEYS[2], now, receiver)
return 0
