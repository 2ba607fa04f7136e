-- Attempts to be taken for one person, and enrolments of them. Every operation is one atomic step, timed by the
-- server's clock. Called as EVALSHA sha 0 <prefix> <person> <operation> <argument>...
--
--   attempts:{person}:flight      zset  job -> when it was begun; until what came of it is counted
--   attempts:{person}:begun       zset  job -> when it was begun, in the last minute
--   attempts:{person}:failures    zset  policy's false match rate and job -> when it ended, since a success
--   attempts:{person}:day         zset  the same of the last day, whatever succeeded since
--   attempts:{person}:lock        until when nobody may try
--   attempts:{person}:told        until when it is known that attempts are refused
--   attempts:{person}:enrolments  zset  enrolment -> when it was accepted, in the last day
--
-- What came of an attempt stands in its job's record (shared/jobs.lua), where its worker committed it, and is
-- counted when the next attempt begins: so a worker need not know of this, and none is counted twice or forgotten.

local prefix, person, operation = ARGV[1], ARGV[2], ARGV[3]
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6

local function key(kind) return prefix .. 'attempts:' .. person .. ':' .. kind end
local FLIGHT, BEGUN, FAILURES, DAY = key('flight'), key('begun'), key('failures'), key('day')
local LOCK, TOLD, ENROLMENTS = key('lock'), key('told'), key('enrolments')
local UNSUBMITTED_S = 60 -- an attempt without a record for so long never became a job
local DAY_S = 86400
local FAILED = {no_match = true, spoof_suspected = true}
local FINISHED = {succeeded = true, failed = true, cancelled = true, expired = true}

local function stamp(value) return string.format('%.6f', value) end

-- The false match rate that a policy is named after: 'verify-fmr-1e-4', also of a gallery's own calibration.
local function rate_of(policy)
  return type(policy) == 'string' and tonumber(string.match(policy, '^verify%-fmr%-(.+)$')) or nil
end

-- A success proves as much as its policy asks: failures under a stricter one stay.
local function forgive(rate)
  for _, failure in ipairs(rate and redis.call('ZRANGE', FAILURES, 0, -1) or {}) do
    if tonumber(string.match(failure, '^(%S+) ')) >= rate then redis.call('ZREM', FAILURES, failure) end
  end
end

-- Count what has come of the attempts that were in flight, in the order in which it came.
local function settle()
  local ended = {}
  local flight = redis.call('ZRANGE', FLIGHT, 0, -1, 'WITHSCORES')
  for index = 1, #flight, 2 do
    local id, begun = flight[index], tonumber(flight[index + 1])
    local record = redis.call('HMGET', prefix .. 'job:' .. id, 'status', 'finished_at', 'result')
    if record[1] and FINISHED[record[1]] then
      ended[#ended + 1] = {id = id, at = tonumber(record[2]), result = record[3]}
    elseif not record[1] and now - begun > UNSUBMITTED_S then
      redis.call('ZREM', FLIGHT, id)
    end
  end
  table.sort(ended, function(a, b) return a.at < b.at end)
  for _, attempt in ipairs(ended) do
    redis.call('ZREM', FLIGHT, attempt.id)
    local result = attempt.result and cjson.decode(attempt.result) or {}
    local rate = rate_of(result.policy)
    if result.verdict == 'match' then
      forgive(rate)
    elseif FAILED[result.verdict] then
      local failure = (rate or 0) .. ' ' .. attempt.id
      redis.call('ZADD', FAILURES, stamp(attempt.at), failure)
      redis.call('ZADD', DAY, stamp(attempt.at), failure)
    end
  end
end

-- Only what is younger than so many seconds.
local function keep(set, seconds)
  redis.call('ZREMRANGEBYSCORE', set, '-inf', stamp(now - seconds))
  redis.call('EXPIRE', set, math.ceil(seconds))
end

-- When the oldest that still counts was, of those of which `most` are too many.
local function oldest_of(set, most)
  return tonumber(redis.call('ZRANGE', set, -most, -most, 'WITHSCORES')[2])
end

local operations = {}

-- Begin an attempt: nothing, or which limit it meets and in how many seconds it is worth trying again.
function operations.begin(id, most_begun, most_failures, window, lock, most_of_day, lifetime)
  most_begun, most_failures, most_of_day = tonumber(most_begun), tonumber(most_failures), tonumber(most_of_day)
  settle()
  if redis.call('ZSCORE', FLIGHT, id) then return {} end -- the call is sent again because its answer was lost
  keep(FAILURES, window)
  keep(DAY, DAY_S)
  keep(BEGUN, 60)
  local failures, flight, of_day = redis.call('ZCARD', FAILURES), redis.call('ZCARD', FLIGHT), redis.call('ZCARD', DAY)
  if most_of_day > 0 and of_day >= most_of_day then
    return {'failures_of_a_day', stamp(oldest_of(DAY, most_of_day) + DAY_S - now)}
  end
  local locked = redis.call('PTTL', LOCK)
  if locked > 0 then return {'failures', stamp(locked / 1000)} end
  if most_failures > 0 and failures >= most_failures then
    redis.call('SET', LOCK, '1', 'PX', math.ceil(lock * 1000))
    redis.call('DEL', FAILURES)
    return {'failures', tostring(lock)}
  end
  if most_failures > 0 and failures + flight >= most_failures or most_of_day > 0 and of_day + flight >= most_of_day then
    return {'under_way', '1'}
  end
  if most_begun > 0 and redis.call('ZCARD', BEGUN) >= most_begun then
    return {'attempts', stamp(oldest_of(BEGUN, most_begun) + 60 - now)}
  end
  redis.call('ZADD', FLIGHT, stamp(now), id)
  redis.call('ZADD', BEGUN, stamp(now), id)
  redis.call('EXPIRE', BEGUN, 60)
  -- For as long as a failure counts: what is not counted yet may be one.
  redis.call('EXPIRE', FLIGHT, math.ceil(math.max(most_of_day > 0 and DAY_S or window, lifetime + UNSUBMITTED_S)))
  return {}
end

-- An attempt that did not become a job.
function operations.withdraw(id)
  redis.call('ZREM', FLIGHT, id)
  redis.call('ZREM', BEGUN, id)
  return {}
end

-- Whether a refusal is the first one for so many seconds, at least a minute.
function operations.first_refusal(seconds)
  local milliseconds = math.ceil(math.max(tonumber(seconds), 60) * 1000)
  return redis.call('SET', TOLD, '1', 'NX', 'PX', milliseconds) and {'1'} or {}
end

-- Count enrolments: how many of them, the first ones, may be done, and in how many seconds there is room for another.
-- `ids` is a JSON list: there may be more of them than a function takes arguments.
function operations.enrol(most, ids)
  most = tonumber(most)
  keep(ENROLMENTS, DAY_S)
  local admitted = 0
  for _, id in ipairs(cjson.decode(ids)) do
    if not redis.call('ZSCORE', ENROLMENTS, id) then -- otherwise it is sent again
      if redis.call('ZCARD', ENROLMENTS) >= most then
        return {tostring(admitted), stamp(oldest_of(ENROLMENTS, most) + DAY_S - now)}
      end
      redis.call('ZADD', ENROLMENTS, stamp(now), id)
      redis.call('EXPIRE', ENROLMENTS, DAY_S)
    end
    admitted = admitted + 1
  end
  return {tostring(admitted), '0'}
end

-- An enrolment that did not become a job.
function operations.withdraw_enrolment(id)
  redis.call('ZREM', ENROLMENTS, id)
  return {}
end

-- Whether anything failed within a day, or is under way.
function operations.has_failed()
  settle()
  keep(DAY, DAY_S)
  return redis.call('ZCARD', DAY) + redis.call('ZCARD', FLIGHT) > 0 and {'1'} or {}
end

-- Lift a lock: what failed is forgotten, what is under way is not.
function operations.unlock()
  redis.call('DEL', FAILURES, DAY, LOCK, TOLD)
  return {}
end

function operations.forget()
  redis.call('DEL', FLIGHT, BEGUN, FAILURES, DAY, LOCK, TOLD, ENROLMENTS)
  return {}
end

return operations[operation](unpack(ARGV, 4))
