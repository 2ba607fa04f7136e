-- One job's life. Every operation is one atomic step, timed by the server's clock.
-- Called as EVALSHA sha 0 <prefix> <operation> <most entries of the outbox> <argument>...
--
--   job:{id}          hash    the record (fields: see shared/schemas.py Job)
--   events:{id}       stream  what happened to it
--   queued:{queue}    zset    id -> when its message counts as lost and is published again
--   leases            zset    id -> when its worker counts as lost
--   deadlines         zset    id -> when it expires, for every unfinished job
--   jobs:{tenant}     zset    id -> when it was accepted, for listing
--   batch-jobs:{id}   zset    the same of a batch's jobs
--   outbox            stream  what others must hear of (shared/outbox.py)
--   dead              list    ids of jobs that ran out of attempts, newest first, at most 10000

local prefix, operation, most_told = ARGV[1], ARGV[2], ARGV[3]
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6

local function stamp(value) return string.format('%.6f', value) end
local function key(kind, name) return prefix .. kind .. ':' .. name end
local LEASES, DEADLINES, DEAD = prefix .. 'leases', prefix .. 'deadlines', prefix .. 'dead'

local function field(id, name) return redis.call('HGET', key('job', id), name) end
local function set(id, ...) redis.call('HSET', key('job', id), ...) end

local function emit(id, event, data)
  redis.call('XADD', key('events', id), 'MAXLEN', '~', 2000, '*', 'event', event, 'data', data or '{}')
end

-- The outcome is told in the step that commits it.
local function tell(id, status, name, value)
  local known = redis.call('HMGET', key('job', id), 'tenant', 'actor', 'trace', 'type', 'payload', 'model')
  local fields = {'kind', 'job', 'at', stamp(now), 'job', id, 'status', status}
  for place, what in ipairs({'tenant', 'actor', 'trace', 'type', 'payload', 'model'}) do
    fields[#fields + 1] = what
    fields[#fields + 1] = known[place] or ''
  end
  if name ~= '' then
    fields[#fields + 1] = name
    fields[#fields + 1] = value
  end
  redis.call('XADD', prefix .. 'outbox', 'MAXLEN', '~', most_told, '*', unpack(fields))
end

local function finish(id, status, name, value, retention)
  redis.call('ZREM', key('queued', field(id, 'queue')), id)
  redis.call('ZREM', LEASES, id)
  redis.call('ZREM', DEADLINES, id)
  set(id, 'status', status, 'finished_at', stamp(now))
  if name ~= '' then set(id, name, value) end
  emit(id, status, name == 'error' and value or nil)
  tell(id, status, name, value)
  redis.call('EXPIRE', key('job', id), retention)
  redis.call('EXPIRE', key('events', id), retention)
end

-- Out of attempts: not the client's fault, so somebody should look at it.
local function bury(id, problem, retention)
  finish(id, 'failed', 'error', problem, retention)
  redis.call('LPUSH', DEAD, id)
  redis.call('LTRIM', DEAD, 0, 9999)
end

local function requeue(id, delay)
  redis.call('ZREM', LEASES, id)
  set(id, 'status', 'queued')
  redis.call('ZADD', key('queued', field(id, 'queue')), stamp(now + delay), id)
  emit(id, 'queued')
end

local function owned(id, token)
  return field(id, 'status') == 'running' and field(id, 'token') == token
end

local operations = {}

-- Write the record before its message is published. Refused when the queue is full, with the seconds that its
-- oldest job has waited: as long as this the queue takes at present.
function operations.submit(id, tenant, queue, lifetime, republish_after, queue_limit, retention, ...)
  -- The client sends a call again whose answer was lost: the job may be in work by now.
  if field(id, 'status') then return 'ok' end
  local waiting = key('queued', queue)
  if redis.call('ZCARD', waiting) >= tonumber(queue_limit) then
    local oldest = redis.call('ZRANGE', waiting, 0, 0)[1]
    return tostring(now - tonumber(oldest and field(oldest, 'created_at') or now))
  end
  local deadline = stamp(now + lifetime)
  set(id, 'id', id, 'tenant', tenant, 'queue', queue, 'status', 'queued', 'attempts', 0, 'token', 0,
      'created_at', stamp(now), 'deadline', deadline, ...)
  redis.call('ZADD', waiting, stamp(now + republish_after), id)
  redis.call('ZADD', DEADLINES, deadline, id)
  -- Thousands of a batch's jobs would hide the tenant's others.
  local batch = field(id, 'batch')
  local listed = batch and key('batch-jobs', batch) or key('jobs', tenant)
  redis.call('ZADD', listed, stamp(now), id)
  redis.call('ZREMRANGEBYSCORE', listed, '-inf', stamp(now - 2 * retention))
  if batch then redis.call('EXPIRE', listed, 2 * retention) end
  emit(id, 'queued')
  return 'ok'
end

-- Take a queued job under a lease; a second delivery of its message gets nothing.
function operations.claim(id, lease, retention)
  if field(id, 'status') ~= 'queued' then return {} end
  if now > tonumber(field(id, 'deadline')) then
    finish(id, 'expired', '', '', retention)
    return {}
  end
  redis.call('ZREM', key('queued', field(id, 'queue')), id)
  redis.call('HINCRBY', key('job', id), 'token', 1)
  redis.call('HINCRBY', key('job', id), 'attempts', 1)
  set(id, 'status', 'running', 'started_at', stamp(now))
  redis.call('ZADD', LEASES, stamp(now + lease), id)
  emit(id, 'running')
  return redis.call('HGETALL', key('job', id))
end

-- Renew the lease and report progress (if any): ok, cancel, expired, or lost when another worker has the job.
function operations.beat(id, token, lease, progress)
  if not owned(id, token) then return 'lost' end
  redis.call('ZADD', LEASES, stamp(now + lease), id)
  if progress ~= '' then
    set(id, 'progress', progress)
    emit(id, 'progress', progress)
  end
  if field(id, 'cancel_requested') then return 'cancel' end
  if now > tonumber(field(id, 'deadline')) then return 'expired' end
  return 'ok'
end

-- Commit an outcome; a stale token cannot.
function operations.finish(id, token, status, name, value, model, retention)
  if not owned(id, token) then return 0 end
  if model ~= '' then set(id, 'model', model) end
  finish(id, status, name, value, retention)
  return 1
end

-- Give a job back after a fault, to be tried again after a delay; its last attempt fails it.
function operations.release(id, token, delay, max_attempts, problem, retention)
  if not owned(id, token) then return 'lost' end
  if tonumber(field(id, 'attempts')) >= tonumber(max_attempts) then
    bury(id, problem, retention)
    return 'failed'
  end
  requeue(id, tonumber(delay))
  return 'queued'
end

function operations.cancel(id, tenant, retention)
  if field(id, 'tenant') ~= tenant then return 'missing' end
  local status = field(id, 'status')
  if status == 'queued' then
    finish(id, 'cancelled', '', '', retention)
    return 'cancelled'
  end
  if status == 'running' then
    set(id, 'cancel_requested', 1)
    return 'requested'
  end
  return 'finished'
end

-- Forget a job altogether: how many events it had, -1 when there is no such job. Its worker finds it gone.
function operations.forget(id, tenant, retention)
  if field(id, 'tenant') ~= tenant then return -1 end
  local status = field(id, 'status')
  if status == 'queued' or status == 'running' then finish(id, 'cancelled', '', '', retention) end
  local events = redis.call('XLEN', key('events', id))
  redis.call('ZREM', key('jobs', tenant), id)
  redis.call('LREM', DEAD, 0, id)
  redis.call('DEL', key('job', id), key('events', id))
  return events
end

-- Take jobs from workers that fell silent and end those whose time is over: the ids of those that ended.
function operations.sweep(max_attempts, problem, retention)
  local ended = {}
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', DEADLINES, '-inf', stamp(now), 'LIMIT', 0, 200)) do
    if field(id, 'status') then
      finish(id, 'expired', '', '', retention)
      ended[#ended + 1] = id
    else
      redis.call('ZREM', DEADLINES, id)
    end
  end
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', LEASES, '-inf', stamp(now), 'LIMIT', 0, 200)) do
    if field(id, 'cancel_requested') then
      finish(id, 'cancelled', '', '', retention)
      ended[#ended + 1] = id
    elseif tonumber(field(id, 'attempts')) >= tonumber(max_attempts) then
      bury(id, problem, retention)
      ended[#ended + 1] = id
    else
      requeue(id, 0)
    end
  end
  return ended
end

-- Jobs whose message is due to be published again. `messages` is the queue's real length: as long as it holds
-- one for every waiting job nothing was lost, however long the backlog.
function operations.due(queue, messages, republish_after)
  local waiting = key('queued', queue)
  local missing = redis.call('ZCARD', waiting) - tonumber(messages)
  if missing <= 0 then return {} end
  local ids = redis.call('ZRANGEBYSCORE', waiting, '-inf', stamp(now), 'LIMIT', 0, math.min(missing, 500))
  for _, id in ipairs(ids) do
    redis.call('ZADD', waiting, stamp(now + republish_after), id)
  end
  return ids
end

return operations[operation](unpack(ARGV, 4))
