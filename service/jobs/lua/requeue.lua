-- KEYS: job, queued, leases. ARGV: id, token. Queues the job again without counting the attempt.
-- Returns 1 if it was queued, 0 if the lease is lost, 2 if the job must stop instead.
if status == 'queued' and redis.call('HGET', KEYS[1], 'released_by') == ARGV[2] then return 1 end
if status ~= 'running' or redis.call('HGET', KEYS[1], 'lease') ~= ARGV[2] then return 0 end
if redis.call('HEXISTS', KEYS[1], 'cancel_requested') == 1 then return 2 end
redis.call('HINCRBY', KEYS[1], 'attempt', -1)
redis.call('HSET', KEYS[1], 'status', 'queued', 'stage', 'queued', 'released_by', ARGV[2],
  'published_at', string.format('%.3f', now))
redis.call('HDEL', KEYS[1], 'lease')
redis.call('ZREM', KEYS[3], ARGV[1])
redis.call('ZADD', KEYS[2], redis.call('HGET', KEYS[1], 'created_at'), ARGV[1])
emit('status')
return 1
