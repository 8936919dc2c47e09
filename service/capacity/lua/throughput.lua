-- KEYS: paces. ARGV: model's SHA-256, seconds per megapixel, share of the newest.
local before = redis.call('HGET', KEYS[1], ARGV[1])
local pace = tonumber(ARGV[2])
if before then pace = before + (pace - before) * ARGV[3] end
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.4f', pace))
