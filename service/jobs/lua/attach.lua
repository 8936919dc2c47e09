-- KEYS: job. ARGV: id, token, field, value. Sets a field of a running job that no event shows.
-- Returns 1 if it was set, 0 if the lease is lost.
if status ~= 'running' or redis.call('HGET', KEYS[1], 'lease') ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[3], ARGV[4])
return 1
