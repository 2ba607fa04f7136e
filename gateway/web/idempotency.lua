-- One Idempotency-Key's life. Every operation is one atomic step, timed by the server's clock.
-- Called as EVALSHA sha 0 <key> <operation> <owner> <argument>...
--
--   hash: content  fingerprint of the request that the key was first used with
--         id       of what that request makes; a repetition makes the same
--         owner    which request works on it, '' for none
--         until    when its owner counts as lost
--         status, headers, body   the answer, once there is one; only a status when it could not be kept
--         job      1 once the request has made a job

local record, operation, owner = ARGV[1], ARGV[2], ARGV[3]
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6

local function field(name) return redis.call('HGET', record, name) end

local operations = {}

-- Take the key for this request, or say what is known of it: {outcome, id, status, headers, body}.
-- {claimed, id, again}: again is 1 where a request before this one broke off.
function operations.claim(content, id, lease, kept)
  local former = field('content')
  if former and former ~= content then return {'reused'} end
  if former then
    id = field('id')
    if field('job') then return {'job', id} end
    if field('status') then return {'done', id, field('status'), field('headers') or '', field('body') or ''} end
    local holder = field('owner')  -- itself, where the call is sent again because its answer was lost
    if holder ~= '' and holder ~= owner and now < tonumber(field('until')) then return {'working', id} end
  end
  redis.call('HSET', record, 'content', content, 'id', id, 'owner', owner, 'until', string.format('%.6f', now + lease))
  if not former then redis.call('EXPIRE', record, kept) end
  return {'claimed', id, former and '1' or ''}
end

-- Keep what came of it; an owner that was given up cannot.
function operations.keep(...)
  if field('owner') == owner then redis.call('HSET', record, ...) end
end

-- Let a repetition try again, to make the same thing.
function operations.release()
  if field('owner') == owner then redis.call('HSET', record, 'owner', '') end
end

-- Nothing came of it: the key is free again, also for other content.
function operations.forget()
  if field('owner') == owner then redis.call('DEL', record) end
end

return operations[operation](unpack(ARGV, 4))
