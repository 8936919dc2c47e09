-- KEYS: job. ARGV: id, token, seconds. Queues the job again, now or after some seconds, without
-- counting the attempt.
-- Returns 1 if it was queued, 0 if the lease is lost, 2 if the job must stop instead.
if status == 'queued' and redis.call('HGET', KEYS[1], 'released_by') == ARGV[2] then return 1 end
if status ~= 'running' or redis.call('HGET', KEYS[1], 'lease') ~= ARGV[2] then return 0 end
if redis.call('HEXISTS', KEYS[1], 'cancel_requested') == 1 then return 2 end
redis.call('HINCRBY', KEYS[1], 'attempt', -1)
redis.call('HSET', KEYS[1], 'status', 'queued', 'stage', 'queued', 'released_by', ARGV[2])
end_lease()
if tonumber(ARGV[3]) > 0 then
  delay(KEYS[1], ARGV[1], ARGV[3])
else
  enqueue(KEYS[1], ARGV[1], true)
end
emit('status')
return 1
