-- KEYS: claim. ARGV: token, worker, lease seconds, percentage of memory in use from which no job is
-- leased, seconds that a job waits for memory, slots kept for interactive jobs, interactive jobs in a
-- row while a batch job could run.
-- Leases the next job. Returns {its id, 1}, or {id, 2} if it is leased only because it has waited for
-- memory for too long; {'', 0} if no job can be taken, or {'', 1} because the store is nearly full.
local made = redis.call('HMGET', KEYS[1], 'job', 'answer')
if made[1] then return {made[1], tonumber(made[2])} end
adopt()
local in_row = 'hiir:interactive-in-row'
local function choose()
  local interactive = redis.call('EXISTS', 'hiir:turns:interactive') == 1
  local batch = redis.call('EXISTS', 'hiir:turns:batch') == 1
    and batch_room(count_slots(), ARGV[6]) > 0
  if interactive and batch then
    local many = tonumber(redis.call('GET', in_row) or 0) >= tonumber(ARGV[7])
    return many and 'batch' or 'interactive'
  end
  return interactive and 'interactive' or batch and 'batch' or nil
end
local priority = choose()
if not priority then return {'', 0} end
local used, _, maximum = memory()
local full = maximum > 0 and used >= maximum * ARGV[4] / 100
if full then
  redis.call('SETNX', 'hiir:full-since', stamp(now))
  local _, _, tenant = first_turn(priority)
  local head = redis.call('ZRANGE', 'hiir:queue:' .. priority .. ':' .. tenant, 0, 0, 'WITHSCORES')
  local since = math.max(redis.call('GET', 'hiir:full-since'), head[2] or 0)
  if now - since < tonumber(ARGV[5]) then return {'', 1} end
else
  redis.call('DEL', 'hiir:full-since')
end
if priority == 'batch' then
  redis.call('DEL', in_row)
elseif redis.call('EXISTS', 'hiir:turns:batch') == 1 then
  redis.call('INCR', in_row)
end
this_id = take(priority)
if not this_id then return {'', 0} end
this = 'hiir:job:' .. this_id
redis.call('HINCRBY', this, 'attempt', 1)
redis.call('HSET', this, 'status', 'running', 'lease', ARGV[1], 'worker', ARGV[2],
  'stage', 'decode')
redis.call('HSETNX', this, 'started_at', stamp(now))
redis.call('ZADD', 'hiir:leases', now + ARGV[3], this_id)
if priority == 'batch' then redis.call('SADD', 'hiir:running-batch', this_id) end
local answer = full and 2 or 1
redis.call('HSET', KEYS[1], 'job', this_id, 'answer', answer)
redis.call('EXPIRE', KEYS[1], 60)
emit('status')
send('started')
return {this_id, answer}
