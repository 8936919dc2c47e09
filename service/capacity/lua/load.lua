-- KEYS: queued, leases, workers. ARGV: prefix of records, prefix of slots.
-- Returns {slots, running jobs}, {task, queued jobs, age of the oldest} for each task, and
-- {SHA-256 of the weights, pixels left to restore} for each model.
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local slots, tasks, models = 0, {}, {}
for _, worker in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], now, '+inf')) do
  slots = slots + (redis.call('GET', ARGV[2] .. worker) or 0)
end
local function add_pixels(sha256, pixels)
  models[sha256] = (models[sha256] or 0) + pixels
end
local queued = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
for index = 1, #queued, 2 do
  local job = redis.call('HMGET', ARGV[1] .. queued[index], 'task', 'model_sha256', 'pixels')
  if job[1] then
    local waiting = tasks[job[1]] or {0, now - queued[index + 1]}  -- the oldest comes first
    tasks[job[1]] = {waiting[1] + 1, waiting[2]}
    add_pixels(job[2], job[3] or 0)
  end
end
local running = redis.call('ZRANGE', KEYS[2], 0, -1)
for _, id in ipairs(running) do
  local job = redis.call('HMGET', ARGV[1] .. id, 'model_sha256', 'pixels', 'tiles_done',
    'tiles_total')
  local total = tonumber(job[4] or 0)
  local left = total > 0 and 1 - job[3] / total or 1
  if job[1] then add_pixels(job[1], (job[2] or 0) * left) end
end
local shown = {{slots, #running}, {}, {}}
for task, waiting in pairs(tasks) do
  table.insert(shown[2], {task, waiting[1], string.format('%.3f', waiting[2])})
end
for sha256, pixels in pairs(models) do
  table.insert(shown[3], {sha256, string.format('%.0f', pixels)})
end
return shown
