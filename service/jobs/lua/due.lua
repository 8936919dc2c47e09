-- ARGV: how many at most. Queues delayed jobs whose time has come; returns how many.
local due = redis.call('ZRANGEBYSCORE', 'hiir:delayed', '-inf', now, 'LIMIT', 0, ARGV[1])
for _, id in ipairs(due) do
  local record = 'hiir:job:' .. id
  redis.call('ZREM', 'hiir:delayed', id)
  if redis.call('HGET', record, 'status') == 'queued' then enqueue(record, id, true) end
end
return #due
