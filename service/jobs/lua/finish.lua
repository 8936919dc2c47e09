-- KEYS: job. ARGV: id, token, status, record seconds, lifetime, field, value, ...
-- Returns 1 if this holder ended the job, now or by an earlier call; 0 if the lease is lost; 2 if it
-- succeeded after its owner had asked to cancel it, and was promised that nothing is kept.
if redis.call('HGET', KEYS[1], 'finished_by') == ARGV[2] then return 1 end
if status ~= 'running' or redis.call('HGET', KEYS[1], 'lease') ~= ARGV[2] then return 0 end
if ARGV[3] == 'succeeded' and redis.call('HEXISTS', KEYS[1], 'cancel_requested') == 1 then
  return 2
end
redis.call('HSET', KEYS[1], 'status', ARGV[3], 'finished_by', ARGV[2],
  'finished_at', string.format('%.3f', now), 'expires_at', string.format('%.3f', now + ARGV[5]),
  unpack(ARGV, 6))
end_lease()
if ARGV[3] == 'succeeded' then remember(ARGV[5]) end
redis.call('EXPIRE', KEYS[1], ARGV[4])
emit_end()
return 1
