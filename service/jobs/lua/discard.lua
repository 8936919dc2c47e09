-- KEYS: job, the tenant's jobs, the tenant's open jobs, the tenant's pixels of the day.
-- ARGV: id, pixels. Removes the job and what was counted for it.
if not status then return 0 end
release()
dequeue(KEYS[1], ARGV[1])
redis.call('DEL', KEYS[1], 'hiir:events:' .. ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('SREM', KEYS[3], ARGV[1])
if redis.call('DECRBY', KEYS[4], ARGV[2]) <= 0 then redis.call('DEL', KEYS[4]) end
return 1
