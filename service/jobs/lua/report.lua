-- KEYS: job, leases. ARGV: id, token, lease seconds[, stage, tiles done, tiles total,
-- columns of tiles].
-- Returns 0 if the lease is lost, 2 if the job must stop, else 1.
if status ~= 'running' or redis.call('HGET', KEYS[1], 'lease') ~= ARGV[2] then return 0 end
redis.call('ZADD', KEYS[2], now + ARGV[3], ARGV[1])
if ARGV[4] then
  local before = redis.call('HMGET', KEYS[1], 'tiles_done', 'stage', 'tiles_total')
  local done = math.max(tonumber(before[1] or 0), tonumber(ARGV[5]))
  redis.call('HSET', KEYS[1], 'stage', ARGV[4], 'tiles_done', done, 'tiles_total', ARGV[6],
    'tile_columns', ARGV[7])
  if before[1] ~= tostring(done) or before[2] ~= ARGV[4] or before[3] ~= ARGV[6] then
    emit('progress')
  end
end
if redis.call('HEXISTS', KEYS[1], 'cancel_requested') == 1 then return 2 end
return 1
