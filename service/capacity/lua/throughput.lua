-- KEYS: means. ARGV: model's SHA-256, seconds per megapixel, weight of the newest value.
local before = redis.call('HGET', KEYS[1], ARGV[1])
local mean = tonumber(ARGV[2])
if before then mean = before + (mean - before) * ARGV[3] end
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.4f', mean))
