-- One liveness session. Called as EVALSHA sha 0 <key> <operation> <argument>...
--   {key}  hash  tenant, state, challenge, model, expires_at; attempt from when frames were sent; embedding or failure
--                from when they were checked; used_by from when it was redeemed
-- States: open -> checking -> passed -> used, or checking -> failed; back to open when the frames were not accepted.

local key, operation = ARGV[1], ARGV[2]
local state = redis.call('HGET', key, 'state')

if operation == 'create' then
  redis.call('HSET', key, unpack(ARGV, 4))
  redis.call('EXPIREAT', key, ARGV[3])
  return 'ok'
end

if operation == 'take' then
  local tenant, attempt, keep = ARGV[3], ARGV[4], ARGV[5]
  if not state or redis.call('HGET', key, 'tenant') ~= tenant then return 'missing' end
  if state ~= 'open' then return 'taken' end
  redis.call('HSET', key, 'state', 'checking', 'attempt', attempt)
  redis.call('EXPIRE', key, keep)
  return 'ok'
end

if operation == 'give_back' then
  if state == 'checking' and redis.call('HGET', key, 'attempt') == ARGV[3] then
    redis.call('HSET', key, 'state', 'open')
    redis.call('EXPIREAT', key, redis.call('HGET', key, 'expires_at'))
  end
  return 'ok'
end

if operation == 'finish' then
  local attempt, keep = ARGV[3], ARGV[4]
  if not state or state == 'open' or redis.call('HGET', key, 'attempt') ~= attempt then return 'lost' end
  if state == 'used' then return 'ok' end -- the job was done twice: its first outcome has served already
  redis.call('HSET', key, unpack(ARGV, 5))
  redis.call('EXPIRE', key, keep)
  return 'ok'
end

-- redeem: once, but again for whoever redeemed it, whose work may be repeated
local tenant, by = ARGV[3], ARGV[4]
if not state or redis.call('HGET', key, 'tenant') ~= tenant then return 'missing' end
if state == 'used' and redis.call('HGET', key, 'used_by') == by then return 'ok' end
if state ~= 'passed' then return state end
redis.call('HSET', key, 'state', 'used', 'used_by', by)
return 'ok'
