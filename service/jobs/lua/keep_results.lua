-- KEYS: jobs of a batch. ARGV: lifetime of their results, of their records.
-- Keeps the results of a batch that has jobs again. Returns how many are kept.
local time = redis.call('TIME')
local kept = 0
for _, job in ipairs(KEYS) do
  if redis.call('HGET', job, 'status') == 'succeeded' then
    redis.call('HSET', job, 'expires_at', string.format('%.3f', time[1] + ARGV[1]))
    redis.call('EXPIRE', job, ARGV[2])
    kept = kept + 1
  end
end
return kept
