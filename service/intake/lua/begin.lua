-- KEYS: record. ARGV: fingerprint, job id, stale seconds, lifetime.
-- Returns the job's id and its answer if there is one, or false and the reason of a refusal.
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local found = redis.call('HMGET', KEYS[1], 'fingerprint', 'job_id', 'begun_at', 'answer')
if not found[1] then
  redis.call('HSET', KEYS[1], 'fingerprint', ARGV[1], 'job_id', ARGV[2], 'begun_at', now)
  redis.call('EXPIRE', KEYS[1], ARGV[4])
  return {ARGV[2]}
end
if found[1] ~= ARGV[1] then return {false, 'reused'} end
if found[4] then return {found[2], found[4]} end
if now - found[3] < tonumber(ARGV[3]) then return {false, 'busy'} end
redis.call('HSET', KEYS[1], 'begun_at', now)
return {found[2]}
