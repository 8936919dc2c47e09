-- KEYS: record. ARGV: a secret, for whoever has none. Returns secret, previous one, until when.
local time = redis.call('TIME')
redis.call('HSETNX', KEYS[1], 'secret', ARGV[1])
local secret, previous, ends = unpack(redis.call('HMGET', KEYS[1], 'secret', 'previous', 'ends'))
if not ends or tonumber(ends) <= tonumber(time[1]) then return {secret} end
return {secret, previous, ends}
