-- KEYS: means. ARGV: name, seconds per megapixel, weight of the newest value, and of one below the
-- mean.
local before = redis.call('HGET', KEYS[1], ARGV[1])
local mean = tonumber(ARGV[2])
if before then
  local weight = ARGV[3]
  if mean < tonumber(before) then weight = ARGV[4] end
  mean = before + (mean - before) * weight
end
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.4f', mean))
