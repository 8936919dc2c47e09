-- KEYS: record. ARGV: a new secret, used if there is none.
-- Returns the secret, and until it expires the previous secret with its expiry.
local time = redis.call('TIME')
redis.call('HSETNX', KEYS[1], 'secret', ARGV[1])
local secret, previous, ends = unpack(redis.call('HMGET', KEYS[1], 'secret', 'previous', 'ends'))
if not ends or tonumber(ends) <= tonumber(time[1]) then return {secret} end
return {secret, previous, ends}
