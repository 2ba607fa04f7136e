-- One batch's life. Every operation is one atomic step, timed by the server's clock, and may be repeated.
-- Called as EVALSHA sha 0 <prefix> <operation> <batch> <most entries of the outbox> <argument>...
--
--   batch:{id}           hash  tenant, kind, gallery, state, total, next (the first item not handed out), done, failed, cancelled,
--                              warned (items with warnings),
--                              created_at, started_at, finished_at, pace (s from one item's end to the next), last,
--                              revised (how often its items were written anew), skipped_count and skipped (files that
--                              were sent and are no items, the first of them as JSON)
--   batch-flight:{id}    hash  number of an item whose job should exist -> how often it had to be begun anew
--   batch-outcomes:{id}  hash  number of an item -> what became of it, until the batch is finished
--   batch-events:{id}    stream  how it went on, the last thousand events, until a day after its end
--   outbox               stream  what others must hear of (shared/outbox.py)
--   batches:{tenant}     zset  id -> when it was accepted, for listing
--   batches              zset  id -> when it was accepted, for every unfinished batch
-- States: running <-> paused; cancelling; succeeded, failed or cancelled when it is finished.

local prefix, operation, id, most_told = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6

local record = prefix .. 'batch:' .. id
local flight, outcomes = prefix .. 'batch-flight:' .. id, prefix .. 'batch-outcomes:' .. id
local events = prefix .. 'batch-events:' .. id
local UNFINISHED = prefix .. 'batches'
local PACE_WEIGHT = 0.9 -- of the past in the running mean, per item

local function stamp(value) return string.format('%.6f', value) end
local function field(name) return redis.call('HGET', record, name) end
local function number(name) return tonumber(field(name) or '0') end
local function set(...) redis.call('HSET', record, ...) end

-- The counts as JSON, which every event has.
local function counts()
  local total, running = number('total'), redis.call('HLEN', flight)
  local done, failed, cancelled = number('done'), number('failed'), number('cancelled')
  return string.format('{"total":%d,"queued":%d,"running":%d,"done":%d,"failed":%d,"cancelled":%d}', total,
                       total - running - done - failed - cancelled, running, done, failed, cancelled)
end

local function emit(event)
  local text = counts()
  redis.call('XADD', events, 'MAXLEN', '~', 1000, '*', 'event', event, 'data', text)
  set('told', text, 'told_at', stamp(now))
end

-- Tell counts that changed, at most twice a second: whoever feeds the batch asks as often as that.
local function progress()
  if field('state') and now - number('told_at') >= 0.5 and counts() ~= field('told') then emit('progress') end
end

-- The end is told in the step that commits it.
local function tell(outcome)
  local data = string.format('{"batch":"%s","status":"%s","total":%d,"done":%d,"failed":%d,"cancelled":%d}', id,
                             outcome, number('total'), number('done'), number('failed'), number('cancelled'))
  redis.call('XADD', prefix .. 'outbox', 'MAXLEN', '~', most_told, '*', 'kind', 'batch.finished', 'tenant',
             field('tenant'), 'actor', field('actor') or '', 'trace', id, 'at', stamp(now), 'data', data)
end

local operations = {}

function operations.create(tenant, total, retention, ...)
  if field('state') then return 'ok' end
  set('id', id, 'tenant', tenant, 'state', 'running', 'total', total, 'next', 0, 'done', 0, 'failed', 0,
      'cancelled', 0, 'created_at', stamp(now), ...)
  redis.call('ZADD', prefix .. 'batches:' .. tenant, stamp(now), id)
  redis.call('ZREMRANGEBYSCORE', prefix .. 'batches:' .. tenant, '-inf', stamp(now - 2 * retention))
  redis.call('ZADD', UNFINISHED, stamp(now), id)
  emit('queued')
  return 'ok'
end

-- Pause, resume or cancel, as far as the state lets it.
function operations.turn(tenant, wanted)
  local state = field('state')
  if field('tenant') ~= tenant then return 'missing' end
  if state == wanted then return 'ok' end
  if state ~= 'running' and state ~= 'paused' then return 'over' end
  set('state', wanted)
  if wanted == 'running' then set('last', stamp(now)) end -- the pause is no measure of the pace
  emit(wanted)
  return 'ok'
end

-- Hand out further items, so that at most `most` are in flight.
function operations.take(most)
  progress()
  if field('state') ~= 'running' then return 0 end
  local first, total = number('next'), number('total')
  local count = math.min(tonumber(most) - redis.call('HLEN', flight), total - first)
  if count <= 0 then return 0 end
  for item = first, first + count - 1 do redis.call('HSET', flight, item, 0) end
  set('next', first + count)
  if not field('started_at') then
    set('started_at', stamp(now), 'last', stamp(now))
    emit('running')
  end
  return count
end

-- Begin an item anew under another job, unless somebody did.
function operations.again(item, round)
  if redis.call('HGET', flight, item) == round then redis.call('HINCRBY', flight, item, 1) end
  return 'ok'
end

-- Record outcomes, each as item, counter (done, failed, cancelled), whether with warnings (1 or 0), and text. Each item
-- counts once.
function operations.settle(...)
  local given, settled = {...}, 0
  for i = 1, #given, 4 do
    if redis.call('HDEL', flight, given[i]) == 1 then
      redis.call('HSET', outcomes, given[i], given[i + 3])
      redis.call('HINCRBY', record, given[i + 1], 1)
      redis.call('HINCRBY', record, 'warned', given[i + 2])
      settled = settled + 1
    end
  end
  if settled > 0 then
    local each = (now - number('last')) / settled
    local former = tonumber(field('pace') or each)
    local weight = PACE_WEIGHT ^ settled
    set('pace', stamp(weight * former + (1 - weight) * each), 'last', stamp(now))
    progress()
  end
  return settled
end

-- Is there nothing left to do but to finish?
local function over()
  local state = field('state')
  if redis.call('HLEN', flight) > 0 then return false end
  return state == 'cancelling' or (state == 'running' or state == 'paused') and number('next') >= number('total')
end

function operations.over() return over() and 1 or 0 end

-- Its items were written anew: whoever has read them reads them again.
function operations.revise()
  return field('state') and redis.call('HINCRBY', record, 'revised', 1) or 0
end

-- Write anew which files were no items, unless somebody else did meanwhile.
function operations.skip(former, changed)
  if field('skipped') ~= former then return 0 end
  set('skipped', changed)
  return 1
end

-- Forget a batch whose items are gone.
function operations.drop(tenant)
  redis.call('ZREM', UNFINISHED, id)
  redis.call('ZREM', prefix .. 'batches:' .. tenant, id)
  return redis.call('DEL', record, flight, outcomes, events)
end

-- The outcomes are in the object store now.
function operations.finish(retention)
  if not over() then return 0 end
  local done, failed, total = number('done'), number('failed'), number('total')
  local ended = done + failed
  local outcome = done > 0 and 'succeeded' or failed > 0 and 'failed' or 'cancelled'
  if field('state') == 'cancelling' and ended < total then outcome = 'cancelled' end
  set('state', outcome, 'cancelled', total - ended, 'finished_at', stamp(now))
  emit(outcome)
  tell(outcome)
  redis.call('ZREM', UNFINISHED, id)
  redis.call('EXPIRE', events, 86400)
  redis.call('EXPIRE', outcomes, 600) -- for whoever is reading them right now
  redis.call('EXPIRE', record, retention)
  return 1
end

return operations[operation](unpack(ARGV, 5))
