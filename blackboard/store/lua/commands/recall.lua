-- What an activation has recorded of itself, and the store's time.
--
-- KEYS    partition keys, board keys
-- ARGV    now, board count = 1, board, source, number, first place, last place
-- returns {now, record or '', …}, one for each place
-- repeat  reads only

--- @include "arguments"
--- @include "codec"
--- @include "lexset"
--- @include "partition"
--- @include "rumour"
--- @include "board"

local now = arguments.now()
local ctx = board.open_all()[1]
local source, number = arguments.next(), arguments.number()
local first, last = arguments.number(), arguments.number()
local reply = { now }
for from = first, last, 1000 do
  local fields = {}
  for place = from, math.min(from + 999, last) do fields[#fields + 1] = codec.record(source, number, place) end
  for _, text in ipairs(redis.call('HMGET', ctx.records, unpack(fields))) do reply[#reply + 1] = text or '' end
end
return reply
