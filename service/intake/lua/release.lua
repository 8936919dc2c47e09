-- KEYS: record. ARGV: job id. The next request does not wait until the claim is stale.
if redis.call('HGET', KEYS[1], 'job_id') ~= ARGV[1] then return 0 end
if redis.call('HEXISTS', KEYS[1], 'answer') == 1 then return 0 end
return redis.call('HSET', KEYS[1], 'begun_at', 0)
