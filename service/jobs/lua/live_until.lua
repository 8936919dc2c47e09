#!lua flags=allow-oom
-- KEYS: objects by the time at which they expire.
-- ARGV: object, seconds, 1 if an object that is not there or has expired stays so.
-- Lets an object expire after this many seconds from now.
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6
if ARGV[3] == '1' then
  local until_then = redis.call('ZSCORE', KEYS[1], ARGV[1])
  if not until_then or tonumber(until_then) <= now then return 0 end
end
redis.call('ZADD', KEYS[1], string.format('%.6f', now + ARGV[2]), ARGV[1])
return 1
