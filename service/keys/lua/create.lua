-- KEYS: record, index. ARGV: id, tenant, max live keys, prefix of records, seconds or '', field,
-- value, ... Returns the number of the tenant's live keys if that is too many, else 0.
local live, known = 0, redis.call('HGETALL', KEYS[2])
for index = 1, #known, 2 do
  local id, tenant = known[index], known[index + 1]
  if redis.call('EXISTS', ARGV[4] .. id) == 0 then
    redis.call('HDEL', KEYS[2], id)
  elseif tenant == ARGV[2] and id ~= ARGV[1] then
    live = live + 1
  end
end
if live >= tonumber(ARGV[3]) then return live end
redis.call('HSET', KEYS[1], unpack(ARGV, 6))
if ARGV[5] ~= '' then redis.call('EXPIRE', KEYS[1], ARGV[5]) end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
return 0
