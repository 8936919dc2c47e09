-- KEYS: due. ARGV: max count, seconds until they are due again. Returns the ids.
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local ids = redis.call('ZRANGE', KEYS[1], '-inf', now, 'BYSCORE', 'LIMIT', 0, ARGV[1])
for _, id in ipairs(ids) do redis.call('ZADD', KEYS[1], now + ARGV[2], id) end
return ids
