-- KEYS: record. ARGV: new secret, seconds for which the previous one stays valid.
local time = redis.call('TIME')
local before = redis.call('HGET', KEYS[1], 'secret')
if before then redis.call('HSET', KEYS[1], 'previous', before, 'ends', time[1] + ARGV[2]) end
redis.call('HSET', KEYS[1], 'secret', ARGV[1])
return 1
