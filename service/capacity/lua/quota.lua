-- KEYS: bucket, open jobs. ARGV: tokens per second, burst, wanted tokens, prefix of the days.
-- Returns the bucket's tokens, seconds until the wanted ones are available, open jobs, pixels of
-- today, and seconds until midnight UTC.
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local rate, burst, wanted = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local found = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens = math.min(burst, (found[1] or burst) + math.max(0, now - (found[2] or now)) * rate)
local wait = 0
if wanted > tokens then
  wait = (wanted - tokens) / rate
elseif wanted > 0 then
  tokens = tokens - wanted
  redis.call('HSET', KEYS[1], 'tokens', tokens, 'at', string.format('%.6f', now))
  redis.call('EXPIRE', KEYS[1], math.ceil(burst / rate) + 1)
end
local day = math.floor(now / 86400)
local pixels = redis.call('GET', ARGV[4] .. day) or '0'
local tomorrow = math.ceil((day + 1) * 86400 - now)
return {tostring(tokens), tostring(wait), redis.call('SCARD', KEYS[2]), pixels, tomorrow}
