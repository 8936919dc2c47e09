-- KEYS: job. ARGV: id. Returns the number of jobs of the same priority before this one, or nil.
local tenant, priority = tenant_of(KEYS[1]), priority_of(KEYS[1])
local rank = redis.call('ZRANK', 'hiir:queue:' .. priority .. ':' .. tenant, ARGV[1])
if not rank then return nil end
local round = redis.call('HGET', 'hiir:rounds:' .. priority, tenant) + rank
return redis.call('ZRANK', 'hiir:turns:' .. priority, turn_of(round, tenant))
