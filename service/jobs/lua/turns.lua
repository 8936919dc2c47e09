-- ARGV: slots kept for interactive jobs.
-- Returns {free slots, interactive jobs that can be taken, batch jobs that can be taken}.
adopt()
local slots = count_slots()
local batch = math.min(redis.call('ZCARD', 'hiir:turns:batch'), batch_room(slots, ARGV[1]))
return {
  math.max(slots - redis.call('ZCARD', 'hiir:leases'), 0),
  redis.call('ZCARD', 'hiir:turns:interactive'),
  batch,
}
