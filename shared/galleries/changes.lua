-- The change stream of one gallery. Called as EVALSHA sha 0 <key> <operation> <argument>...
--   {key}          hash    epoch (random, made with the hash) and seq (number of the newest change)
--   {key}:changes  stream  the newest changes; the entry of change n has the id n-0, so that a gap shows

local key, operation = ARGV[1], ARGV[2]
local stream = key .. ':changes'

if operation == 'append' then
  local epoch, keep = ARGV[3], ARGV[4]
  redis.call('HSETNX', key, 'epoch', epoch)
  local seq = redis.call('HINCRBY', key, 'seq', 1)
  redis.call('XADD', stream, 'MAXLEN', '~', keep, seq .. '-0', unpack(ARGV, 5))
  redis.call('EXPIRE', stream, 86400) -- it names people: not for ever; who has read all of it misses nothing
  return seq
end

if operation == 'forget' then
  for _, entry in ipairs(redis.call('XRANGE', stream, '-', '+')) do
    for place = 1, #entry[2], 2 do
      if entry[2][place] == 'person' and entry[2][place + 1] == ARGV[3] then redis.call('XDEL', stream, entry[1]) end
    end
  end
  return 1
end

-- read: {epoch, seq, changes after the given one}
local state = redis.call('HMGET', key, 'epoch', 'seq')
local after = tonumber(ARGV[3])
return {state[1] or '', tonumber(state[2] or '0'), redis.call('XRANGE', stream, (after + 1) .. '-0', '+')}
