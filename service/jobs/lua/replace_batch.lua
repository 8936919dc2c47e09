-- KEYS: batch. ARGV: the value that it had, the new value.
-- Returns 1 if it was replaced, 0 if it has changed or expired.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
return 1
