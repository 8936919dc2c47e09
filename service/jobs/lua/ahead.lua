-- ARGV: priority, tenant.
-- Returns the queued jobs of this priority, and how many of them come before a new one of the tenant.
local first = redis.call('HGET', 'hiir:rounds:' .. ARGV[1], ARGV[2])
local round = first and first + redis.call('ZCARD', 'hiir:queue:' .. ARGV[1] .. ':' .. ARGV[2])
  or current_round(ARGV[1]) + 1
local turns = 'hiir:turns:' .. ARGV[1]
return {redis.call('ZCARD', turns), redis.call('ZCOUNT', turns, '-inf', round)}
