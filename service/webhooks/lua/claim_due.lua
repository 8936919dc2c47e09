-- KEYS: receivers. ARGV: most deliveries, seconds until a claim ends, most at once to a receiver,
-- most at once of a tenant, failures that open a receiver's breaker. Returns the claimed ids.
--
-- A receiver is a tenant and the origin of its URL ("acme https://example.com"). `receivers` has the
-- time of the next look at each. Its deliveries, by due time, are in `receiver-due`; those that are
-- being sent, by the end of their claim, are in `receiver-sending` and `tenant-sending`.
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local most, hold = tonumber(ARGV[1]), now + ARGV[2]
local claimed = {}
local receivers = redis.call('ZRANGE', KEYS[1], '-inf', now, 'BYSCORE', 'LIMIT', 0, 256)
for _, receiver in ipairs(receivers) do
  if #claimed >= most then break end
  local tenant = string.match(receiver, '^%S+')
  local due = 'hiir:receiver-due:' .. receiver
  local sending = 'hiir:receiver-sending:' .. receiver
  local of_tenant = 'hiir:tenant-sending:' .. tenant
  redis.call('ZREMRANGEBYSCORE', sending, '-inf', now)
  redis.call('ZREMRANGEBYSCORE', of_tenant, '-inf', now)
  local failures, paused =
    unpack(redis.call('HMGET', 'hiir:receiver-breaker:' .. receiver, 'failures', 'until'))
  local next_look
  if paused and tonumber(paused) > now then
    next_look = paused
  else
    -- A breaker that was open lets one delivery through.
    local bound = tonumber(failures or 0) >= tonumber(ARGV[5]) and 1 or tonumber(ARGV[3])
    local room = math.min(bound - redis.call('ZCARD', sending),
      ARGV[4] - redis.call('ZCARD', of_tenant))
    local count = math.min(room, most - #claimed)
    local ids = {}
    if count > 0 then
      ids = redis.call('ZRANGE', due, '-inf', now, 'BYSCORE', 'LIMIT', 0, count)
    end
    for _, id in ipairs(ids) do
      if redis.call('HGET', 'hiir:delivery:' .. id, 'status') == 'pending' then
        redis.call('ZADD', due, hold, id)
        redis.call('ZADD', sending, hold, id)
        redis.call('ZADD', of_tenant, hold, id)
        claimed[#claimed + 1] = id
      else
        redis.call('ZREM', due, id)
      end
    end
    next_look = redis.call('ZRANGE', due, 0, 0, 'WITHSCORES')[2]
    if next_look and tonumber(next_look) <= now and room <= #ids then
      -- At a bound: the next delivery that ends brings the receiver back.
      next_look = hold
      redis.call('SADD', 'hiir:tenant-waiting:' .. tenant, receiver)
      redis.call('EXPIRE', 'hiir:tenant-waiting:' .. tenant, 86400)
    end
  end
  if next_look then
    redis.call('ZADD', KEYS[1], next_look, receiver)
  else
    redis.call('ZREM', KEYS[1], receiver)
  end
end
return claimed
