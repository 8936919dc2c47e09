-- Returns {slots}, {priority, task, queued jobs, age of the oldest} for each priority and task with
-- any, {priority, SHA-256 of the weights, queued pixels}, and {priority, SHA-256 of the weights,
-- pixels left to restore} for each running job. The work is in proportion to the tasks, the models
-- and the slots, not to the queued jobs.
adopt()
local queued, pixels, running = {}, {}, {}
for _, name in ipairs(redis.call('SMEMBERS', 'hiir:waiting')) do
  local key = 'hiir:waiting:' .. name
  local priority, task = string.match(name, '^(%a+):(.*)$')
  local oldest = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2]
  local age = string.format('%.3f', math.max(now - oldest, 0))
  table.insert(queued, {priority, task, redis.call('ZCARD', key), age})
end
local sums = redis.call('HGETALL', 'hiir:waiting-pixels')
for index = 1, #sums, 2 do
  local priority, weights = string.match(sums[index], '^(%a+):(.*)$')
  table.insert(pixels, {priority, weights, sums[index + 1]})
end
for _, id in ipairs(redis.call('ZRANGE', 'hiir:leases', 0, -1)) do
  local record = 'hiir:job:' .. id
  local job = redis.call('HMGET', record, 'model_sha256', 'pixels', 'tiles_done', 'tiles_total')
  local total = tonumber(job[4] or 0)
  local left = total > 0 and 1 - job[3] / total or 1
  if job[1] then
    local rest = string.format('%.0f', (job[2] or 0) * left)
    table.insert(running, {priority_of(record), job[1], rest})
  end
end
return {count_slots(), queued, pixels, running}
