-- KEYS: means. ARGV: weight of a newest value, name of a mean to remove, then for each mean its name,
-- the newest seconds per megapixel, and their weight if they are below the mean.
for index = 3, #ARGV, 3 do
  local name, mean = ARGV[index], tonumber(ARGV[index + 1])
  local before = redis.call('HGET', KEYS[1], name)
  if before then
    local weight = ARGV[1]
    if mean < tonumber(before) then weight = ARGV[index + 2] end
    mean = before + (mean - before) * weight
  end
  redis.call('HSET', KEYS[1], name, string.format('%.4f', mean))
end
redis.call('HDEL', KEYS[1], ARGV[2])
