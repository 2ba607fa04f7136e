-- Attempts to be taken for one person. Every operation is one atomic step, timed by the server's clock.
-- Called as EVALSHA sha 0 <prefix> <person> <operation> <argument>...
--
--   attempts:{person}:flight    zset  job -> when it was begun; until what came of it is counted
--   attempts:{person}:begun     zset  job -> when it was begun, in the last minute
--   attempts:{person}:failures  zset  job -> when it ended, since the last success
--   attempts:{person}:lock      until when nobody may try
--   attempts:{person}:told      until when it is known that attempts are refused
--
-- What came of an attempt stands in its job's record (shared/jobs.lua), where its worker committed it, and is
-- counted when the next attempt begins: so a worker need not know of this, and none is counted twice or forgotten.

local prefix, person, operation = ARGV[1], ARGV[2], ARGV[3]
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6

local function key(kind) return prefix .. 'attempts:' .. person .. ':' .. kind end
local FLIGHT, BEGUN, FAILURES, LOCK, TOLD = key('flight'), key('begun'), key('failures'), key('lock'), key('told')
local UNSUBMITTED_S = 60 -- an attempt without a record for so long never became a job
local FAILED = {no_match = true, spoof_suspected = true}
local FINISHED = {succeeded = true, failed = true, cancelled = true, expired = true}

local function stamp(value) return string.format('%.6f', value) end

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
    local verdict = attempt.result and cjson.decode(attempt.result).verdict
    if verdict == 'match' then
      redis.call('DEL', FAILURES)
    elseif FAILED[verdict] then
      redis.call('ZADD', FAILURES, stamp(attempt.at), attempt.id)
    end
  end
end

local operations = {}

-- Begin an attempt: 0, or in how many seconds it is worth trying again.
function operations.begin(id, most_begun, most_failures, window, lock, lifetime)
  local locked = redis.call('PTTL', LOCK)
  if locked > 0 then return tostring(locked / 1000) end
  settle()
  if redis.call('ZSCORE', FLIGHT, id) then return '0' end -- the call is sent again because its answer was lost
  redis.call('ZREMRANGEBYSCORE', FAILURES, '-inf', stamp(now - window))
  redis.call('ZREMRANGEBYSCORE', BEGUN, '-inf', stamp(now - 60))
  local failures, flight = redis.call('ZCARD', FAILURES), redis.call('ZCARD', FLIGHT)
  if tonumber(most_failures) > 0 then
    if failures >= tonumber(most_failures) then
      redis.call('SET', LOCK, '1', 'PX', math.ceil(lock * 1000))
      redis.call('DEL', FAILURES)
      return tostring(lock)
    end
    if failures + flight >= tonumber(most_failures) then return '1' end
  end
  if tonumber(most_begun) > 0 and redis.call('ZCARD', BEGUN) >= tonumber(most_begun) then
    return tostring(tonumber(redis.call('ZRANGE', BEGUN, 0, 0, 'WITHSCORES')[2]) + 60 - now)
  end
  redis.call('ZADD', FLIGHT, stamp(now), id)
  redis.call('ZADD', BEGUN, stamp(now), id)
  local kept = math.ceil(math.max(window, lifetime + UNSUBMITTED_S))
  for _, each in ipairs({FLIGHT, BEGUN, FAILURES}) do redis.call('EXPIRE', each, kept) end
  return '0'
end

-- An attempt that did not become a job.
function operations.withdraw(id)
  redis.call('ZREM', FLIGHT, id)
  redis.call('ZREM', BEGUN, id)
  return '0'
end

-- Whether a refusal is the first one for so many seconds, at least a minute.
function operations.first_refusal(seconds)
  local milliseconds = math.ceil(math.max(tonumber(seconds), 60) * 1000)
  return redis.call('SET', TOLD, '1', 'NX', 'PX', milliseconds) and '1' or '0'
end

function operations.forget()
  redis.call('DEL', FLIGHT, BEGUN, FAILURES, LOCK, TOLD)
  return '0'
end

return operations[operation](unpack(ARGV, 4))
