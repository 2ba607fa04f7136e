-- Deliveries of webhooks. Every operation is one atomic step, timed by the server's clock.
-- Called as EVALSHA sha 0 <prefix> <operation> <argument>...
--
--   delivery:{id}               hash  the record (fields: see Delivery in shared/schemas/webhooks.py), leased_until
--   delivery-attempts:{id}      list  what happened, an attempt each, at most 20
--   deliveries:{webhook}        zset  id -> when it was made, for listing
--   deliveries-due:{webhook}    zset  id -> when it is to be attempted: those that wait
--   deliveries-out:{webhook}    zset  id -> when it counts as lost: those that are in the queue or in work
--   deliveries-done:{webhook}   zset  id -> when it was finished
--   webhook-state:{webhook}     hash  failing (attempts in a row), exhausted (deliveries in a row), dropped
--   webhooks-due                zset  webhook -> when it is worth looking at
-- A webhook has few deliveries in the queue at a time: a slow receiver delays his own and nobody else's.

local prefix, operation = ARGV[1], ARGV[2]
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6
local MOST_ATTEMPTS, MOST_WEBHOOKS, MOST_DISCARDED = 20, 200, 500
local WEBHOOKS = prefix .. 'webhooks-due'

local function stamp(value) return string.format('%.6f', value) end
local function record(id) return prefix .. 'delivery:' .. id end
local function attempts(id) return prefix .. 'delivery-attempts:' .. id end
local function list(name, webhook) return prefix .. name .. ':' .. webhook end
local function state(webhook) return prefix .. 'webhook-state:' .. webhook end
local function count(webhook, name) return tonumber(redis.call('HGET', state(webhook), name) or '0') end

-- The time of the first of a sorted set; nil when it is empty.
local function first(key) return redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2] end

-- Hand out what is due, as far as the webhook's share of the queue goes: the ids to publish.
local function pick(webhook, share, lost_after)
  local due, out = list('deliveries-due', webhook), list('deliveries-out', webhook)
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', out, '-inf', stamp(now))) do
    redis.call('ZREM', out, id)
    redis.call('ZADD', due, stamp(now), id)
  end
  local most = count(webhook, 'failing') > 0 and 1 or tonumber(share)
  local free = math.max(0, most - redis.call('ZCARD', out))
  local ids = redis.call('ZRANGEBYSCORE', due, '-inf', stamp(now), 'LIMIT', 0, free)
  for _, id in ipairs(ids) do
    redis.call('ZREM', due, id)
    redis.call('ZADD', out, stamp(now + lost_after), id)
  end
  -- With its share used up, a webhook is looked at when an attempt ends, which picks again, or is lost.
  local waits = redis.call('ZCARD', out) < most and first(due) or nil
  local lost = first(out)
  if waits and lost then waits = math.min(waits, lost) end
  if waits or lost then
    redis.call('ZADD', WEBHOOKS, waits or lost, webhook)
  else
    redis.call('ZREM', WEBHOOKS, webhook)
  end
  return ids
end

local function await(id, webhook, at)
  redis.call('HSET', record(id), 'state', 'pending', 'next_attempt_at', stamp(at))
  redis.call('ZADD', list('deliveries-due', webhook), stamp(at), id)
  redis.call('ZADD', WEBHOOKS, 'LT', stamp(at), webhook)
end

local function remove(id, webhook)
  redis.call('DEL', record(id), attempts(id))
  redis.call('ZREM', list('deliveries', webhook), id)
end

local function close(id, webhook, outcome, seconds)
  redis.call('HSET', record(id), 'state', outcome, 'finished_at', stamp(now))
  redis.call('HDEL', record(id), 'next_attempt_at', 'leased_until')
  redis.call('EXPIRE', record(id), seconds)
  redis.call('EXPIRE', attempts(id), seconds)
  redis.call('ZADD', list('deliveries-done', webhook), stamp(now), id)
end

-- Of what is finished the log keeps the last `most` for `seconds`.
local function trim(webhook, most, seconds)
  local done = list('deliveries-done', webhook)
  local excess = redis.call('ZCARD', done) - most
  local old = excess > 0 and redis.call('ZRANGE', done, 0, excess - 1) or {}
  for _, gone in ipairs(redis.call('ZRANGEBYSCORE', done, '-inf', stamp(now - seconds))) do old[#old + 1] = gone end
  for _, gone in ipairs(old) do
    redis.call('ZREM', done, gone)
    remove(gone, webhook)
  end
end

local operations = {}

-- Write a delivery down, once: `made`, `known`, or `dropped` when too many of the webhook wait.
function operations.create(id, webhook, most, ...)
  if redis.call('EXISTS', record(id)) == 1 then return 'known' end
  local waiting = redis.call('ZCARD', list('deliveries-due', webhook)) + redis.call('ZCARD', list('deliveries-out', webhook))
  if waiting >= tonumber(most) then
    redis.call('HINCRBY', state(webhook), 'dropped', 1)
    return 'dropped'
  end
  redis.call('HSET', record(id), 'id', id, 'webhook', webhook, 'created_at', stamp(now), 'tries', 0, 'token', 0, ...)
  redis.call('ZADD', list('deliveries', webhook), stamp(now), id)
  await(id, webhook, now)
  return 'made'
end

-- What is due of all webhooks: the ids to publish.
function operations.hand_out(share, lost_after)
  local all = {}
  for _, webhook in ipairs(redis.call('ZRANGEBYSCORE', WEBHOOKS, '-inf', stamp(now), 'LIMIT', 0, MOST_WEBHOOKS)) do
    for _, id in ipairs(pick(webhook, share, lost_after)) do all[#all + 1] = id end
  end
  return all
end

-- Take a delivery that was handed out; a second message about it gets nothing.
function operations.claim(id, lease)
  local found = redis.call('HMGET', record(id), 'webhook', 'state', 'leased_until')
  local webhook, status, leased = found[1], found[2], tonumber(found[3] or '0')
  if not webhook or status ~= 'pending' or leased > now then return {} end
  local out = list('deliveries-out', webhook)
  if not redis.call('ZSCORE', out, id) then return {} end
  redis.call('HINCRBY', record(id), 'token', 1)
  redis.call('HINCRBY', record(id), 'tries', 1)
  redis.call('HSET', record(id), 'leased_until', stamp(now + lease))
  redis.call('ZADD', out, stamp(now + lease), id)
  redis.call('ZADD', WEBHOOKS, 'LT', stamp(now + lease), webhook)
  return redis.call('HGETALL', record(id))
end

-- Record an attempt; a stale token cannot. Answers how many deliveries in a row failed altogether, then the ids to
-- publish; nothing at all when the token is stale.
function operations.settle(id, token, outcome, delay, attempt, share, lost_after, most, seconds)
  local found = redis.call('HMGET', record(id), 'webhook', 'state', 'token')
  local webhook = found[1]
  if not webhook or found[2] ~= 'pending' or found[3] ~= token then return {} end
  redis.call('RPUSH', attempts(id), attempt)
  redis.call('LTRIM', attempts(id), -MOST_ATTEMPTS, -1)
  redis.call('ZREM', list('deliveries-out', webhook), id)
  redis.call('HDEL', record(id), 'leased_until')
  if outcome == 'delivered' then
    redis.call('HSET', state(webhook), 'failing', 0, 'exhausted', 0)
  else
    redis.call('HINCRBY', state(webhook), 'failing', 1)
    if outcome == 'failed' then redis.call('HINCRBY', state(webhook), 'exhausted', 1) end
  end
  if outcome == 'pending' then
    await(id, webhook, now + delay)
  else
    close(id, webhook, outcome, seconds)
    trim(webhook, tonumber(most), tonumber(seconds))
  end
  return {count(webhook, 'exhausted'), unpack(pick(webhook, share, lost_after))}
end

-- Begin anew with a delivery, or hasten one that waits.
function operations.retry(id, webhook)
  local status = redis.call('HGET', record(id), 'state')
  if not status then return 'missing' end
  if redis.call('ZSCORE', list('deliveries-out', webhook), id) then return 'ok' end
  redis.call('HSET', record(id), 'tries', 0)
  redis.call('HDEL', record(id), 'finished_at')
  redis.call('PERSIST', record(id))
  redis.call('PERSIST', attempts(id))
  redis.call('ZREM', list('deliveries-done', webhook), id)
  await(id, webhook, now)
  return 'ok'
end

-- Cancel what waits of a webhook, and begin to count its failures anew; so many at a time that others need not wait.
-- How many that were: repeat it until there are none.
function operations.discard(webhook, most, seconds)
  local due, out = list('deliveries-due', webhook), list('deliveries-out', webhook)
  local dropped = 0
  for _, key in ipairs({due, out}) do
    for _, id in ipairs(redis.call('ZRANGE', key, 0, MOST_DISCARDED - 1)) do
      redis.call('HINCRBY', record(id), 'token', 1)
      redis.call('ZREM', key, id)
      close(id, webhook, 'cancelled', seconds)
      dropped = dropped + 1
    end
  end
  trim(webhook, tonumber(most), tonumber(seconds))
  redis.call('HDEL', state(webhook), 'failing', 'exhausted')
  redis.call('ZREM', WEBHOOKS, webhook)
  return dropped
end

-- Forget everything of a webhook that is deleted.
function operations.forget(webhook)
  for _, id in ipairs(redis.call('ZRANGE', list('deliveries', webhook), 0, -1)) do remove(id, webhook) end
  for _, name in ipairs({'deliveries', 'deliveries-due', 'deliveries-out', 'deliveries-done', 'webhook-state'}) do
    redis.call('DEL', list(name, webhook))
  end
  redis.call('ZREM', WEBHOOKS, webhook)
  return 1
end

return operations[operation](unpack(ARGV, 3))
