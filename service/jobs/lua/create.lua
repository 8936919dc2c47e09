-- KEYS: job, the tenant's jobs, the tenant's open jobs, the tenant's pixels of the day, the tenant's
-- held jobs.
-- ARGV: id, created at, prefix of records, source, max open jobs, pixels, max pixels, bytes to
-- reserve, max percentage of memory, batch or '', failure for the pixels, failure for the memory,
-- lifetime of an ended job, lifetime of the result of a job that has ended already or 0, field,
-- value, ...
-- Returns 1 if the job was created, now or by an earlier call; 0 if another job has this id; -1 if
-- the tenant has too many open jobs; -2 if it has used up its pixels; -3 if the store has no room
-- for the result. A job of a batch is created in any case: one without pixels or memory has failed,
-- so that it can be retried, and one too many is held until another one has ended.
if status then return redis.call('HGET', KEYS[1], 'source') == ARGV[4] and 1 or 0 end
local batch = ARGV[10] ~= ''
local most = tonumber(ARGV[5])
local ended = ARGV[14] ~= '0'
if not ended and not batch and redis.call('SCARD', KEYS[3]) >= most then return -1 end
local refused, failure
if ended then -- takes neither pixels nor memory that is not taken yet
  refused = nil
elseif (redis.call('GET', KEYS[4]) or 0) + ARGV[6] > tonumber(ARGV[7]) then
  refused, failure = -2, ARGV[11]
else
  local used, reserved, maximum = memory()
  if maximum > 0 and used + reserved + ARGV[8] > maximum * ARGV[9] / 100 then
    refused, failure = -3, ARGV[12]
  end
end
if refused and not batch then return refused end
redis.call('HSET', KEYS[1], unpack(ARGV, 15))
-- Keep the list as short as the records: each new job removes up to two expired ones.
for _, id in ipairs(redis.call('ZRANGE', KEYS[2], 0, 1)) do
  if redis.call('EXISTS', ARGV[3] .. id) == 0 then redis.call('ZREM', KEYS[2], id) end
end
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[1])
if batch then
  redis.call('SADD', 'hiir:batch-jobs:' .. ARGV[10], ARGV[1])
  redis.call('SADD', 'hiir:batch-open:' .. ARGV[10], ARGV[1])
end
if refused then
  redis.call('HSET', KEYS[1], 'status', 'failed', 'failure', failure, 'finished_at', stamp(now),
    'expires_at', stamp(now + ARGV[13]))
  redis.call('EXPIRE', KEYS[1], ARGV[13])
  emit_end()
  return refused
end
if ended then
  redis.call('EXPIRE', KEYS[1], ARGV[13])
  remember(ARGV[14])
  emit_end()
  return 1
end
redis.call('HSET', KEYS[1], 'reserved_bytes', ARGV[8])
redis.call('INCRBY', 'hiir:reserved', ARGV[8])
redis.call('INCRBY', KEYS[4], ARGV[6])
redis.call('EXPIRE', KEYS[4], 172800)
emit('status')
if not batch then
  redis.call('SADD', KEYS[3], ARGV[1])
  enqueue(KEYS[1], ARGV[1])
  return 1
end
redis.call('ZADD', KEYS[5], ARGV[2], ARGV[1])
local tenant = redis.call('HGET', KEYS[1], 'tenant')
while redis.call('SCARD', KEYS[3]) < most and start_next(tenant) do end
return 1
