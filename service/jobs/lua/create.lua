-- KEYS: job, queued, the tenant's jobs, those of them that are open, its pixels of the day.
-- ARGV: id, created at, prefix of records, source, most open jobs, pixels, most pixels, field,
-- value, ...
-- Returns 1 if the job was made, now or in a call before, 0 if there is another with this id, -1 if
-- the tenant has too many open ones, and -2 if it has had too many pixels.
if status then return redis.call('HGET', KEYS[1], 'source') == ARGV[4] and 1 or 0 end
if redis.call('SCARD', KEYS[4]) >= tonumber(ARGV[5]) then return -1 end
if (redis.call('GET', KEYS[5]) or 0) + ARGV[6] > tonumber(ARGV[7]) then return -2 end
redis.call('SADD', KEYS[4], ARGV[1])
redis.call('INCRBY', KEYS[5], ARGV[6])
redis.call('EXPIRE', KEYS[5], 172800)
redis.call('HSET', KEYS[1], unpack(ARGV, 8))
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[1])
-- The list is as short as the records are: for each job that comes, two that are gone may go.
for _, id in ipairs(redis.call('ZRANGE', KEYS[3], 0, 1)) do
  if redis.call('EXISTS', ARGV[3] .. id) == 0 then redis.call('ZREM', KEYS[3], id) end
end
redis.call('ZADD', KEYS[3], ARGV[2], ARGV[1])
tell('status')
return 1
