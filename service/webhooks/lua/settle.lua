-- KEYS: record, due. ARGV: id, lifetime, status, pause or '', field, value, ...
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], 'status', ARGV[3], unpack(ARGV, 5))
redis.call('HDEL', KEYS[1], 'taken_until')
if ARGV[4] == '' then
  redis.call('ZREM', KEYS[2], ARGV[1])
else
  redis.call('ZADD', KEYS[2], now + ARGV[4], ARGV[1])
end
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 1
