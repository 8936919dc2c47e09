-- KEYS: means. ARGV: weight of a newest value, number of means to remove and their names, then for
-- each mean its name, the newest seconds per megapixel, and their weight if they are below the mean.
local removed = tonumber(ARGV[2])
for index = 3 + removed, #ARGV, 3 do
  local name, mean = ARGV[index], tonumber(ARGV[index + 1])
  local before = redis.call('HGET', KEYS[1], name)
  if before then
    local weight = ARGV[1]
    if mean < tonumber(before) then weight = ARGV[index + 2] end
    mean = before + (mean - before) * weight
  end
  redis.call('HSET', KEYS[1], name, string.format('%.4f', mean))
end
for index = 3, 2 + removed do
  redis.call('HDEL', KEYS[1], ARGV[index])
end
