-- KEYS: job, leases. ARGV: id, max attempts, record seconds, failure.
-- Takes a job whose lease has expired. Returns its new status, or nil if the lease has not.
local expiry = redis.call('ZSCORE', KEYS[2], ARGV[1])
if not expiry or tonumber(expiry) > now then return nil end
end_lease()
if status ~= 'running' then return nil end
local at = string.format('%.3f', now)
if redis.call('HEXISTS', KEYS[1], 'cancel_requested') == 1 then
  status = 'canceled'
elseif tonumber(redis.call('HGET', KEYS[1], 'attempt')) >= tonumber(ARGV[2]) then
  status = 'failed'
  redis.call('HSET', KEYS[1], 'failure', ARGV[4])
else
  redis.call('HSET', KEYS[1], 'status', 'queued', 'stage', 'queued')
  enqueue(KEYS[1], ARGV[1], true)
  emit('status')
  return 'queued'
end
redis.call('HSET', KEYS[1], 'status', status, 'finished_at', at,
  'expires_at', string.format('%.3f', now + ARGV[3]))
redis.call('EXPIRE', KEYS[1], ARGV[3])
emit_end()
return status
