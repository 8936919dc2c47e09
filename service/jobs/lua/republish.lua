-- KEYS: job, queued. ARGV: id, age in seconds. Returns 1 if the message must be published again.
if status ~= 'queued' then
  redis.call('ZREM', KEYS[2], ARGV[1])
  return 0
end
local published = tonumber(redis.call('HGET', KEYS[1], 'published_at') or
  redis.call('HGET', KEYS[1], 'created_at'))
if now - published < tonumber(ARGV[2]) then return 0 end
redis.call('HSET', KEYS[1], 'published_at', string.format('%.3f', now))
return 1
