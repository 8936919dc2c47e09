-- KEYS: record, due. ARGV: id, seconds. Returns 1 if the caller has claimed it.
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local status, taken = unpack(redis.call('HMGET', KEYS[1], 'status', 'taken_until'))
if status ~= 'pending' then
  redis.call('ZREM', KEYS[2], ARGV[1])
  return 0
end
if taken and tonumber(taken) > now then return 0 end
redis.call('HSET', KEYS[1], 'taken_until', now + ARGV[2])
redis.call('ZADD', KEYS[2], now + ARGV[2], ARGV[1])
return 1
