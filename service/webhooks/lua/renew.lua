-- KEYS: record, due. ARGV: id, lifetime. A claimed delivery becomes due when its claim ends.
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], 'status', 'pending', 'tries', 0)
local taken = redis.call('HGET', KEYS[1], 'taken_until')
redis.call('ZADD', KEYS[2], math.max(now, tonumber(taken or 0)), ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 1
