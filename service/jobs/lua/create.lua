-- KEYS: job, queued, the tenant's jobs, the tenant's open jobs, the tenant's pixels of the day.
-- ARGV: id, created at, prefix of records, source, max open jobs, pixels, max pixels, bytes to
-- reserve, max percentage of memory, field, value, ...
-- Returns 1 if the job was created, now or by an earlier call; 0 if another job has this id; -1 if
-- the tenant has too many open jobs; -2 if it has used up its pixels; -3 if the store has no room for
-- the result.
if status then return redis.call('HGET', KEYS[1], 'source') == ARGV[4] and 1 or 0 end
if redis.call('SCARD', KEYS[4]) >= tonumber(ARGV[5]) then return -1 end
if (redis.call('GET', KEYS[5]) or 0) + ARGV[6] > tonumber(ARGV[7]) then return -2 end
local used, reserved, maximum = memory()
if maximum > 0 and used + reserved + ARGV[8] > maximum * ARGV[9] / 100 then return -3 end
redis.call('INCRBY', 'hiir:reserved', ARGV[8])
redis.call('SADD', KEYS[4], ARGV[1])
redis.call('INCRBY', KEYS[5], ARGV[6])
redis.call('EXPIRE', KEYS[5], 172800)
redis.call('HSET', KEYS[1], 'reserved_bytes', ARGV[8], unpack(ARGV, 10))
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[1])
-- Keep the list as short as the records: each new job removes up to two expired ones.
for _, id in ipairs(redis.call('ZRANGE', KEYS[3], 0, 1)) do
  if redis.call('EXISTS', ARGV[3] .. id) == 0 then redis.call('ZREM', KEYS[3], id) end
end
redis.call('ZADD', KEYS[3], ARGV[2], ARGV[1])
emit('status')
return 1
