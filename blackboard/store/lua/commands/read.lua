-- The entries of a board, or of one kind, as of one moment.
--
-- KEYS    partition keys, board keys
-- ARGV    board count = 1, board, kind ('': all)
-- returns {address, entry, address, entry, …} in address order
-- repeat  reads only

--- @include "arguments"
--- @include "codec"
--- @include "lexset"
--- @include "partition"
--- @include "rumour"
--- @include "board"

local ctx = board.open_all()[1]
local kind, addresses, reply = arguments.next(), {}, {}
if kind == '' then
  addresses = redis.call('HKEYS', ctx.entries)
  table.sort(addresses)
else
  addresses[1] = kind
  for _, member in ipairs(lexset.range(board.memory(ctx), kind .. US .. US)) do
    addresses[#addresses + 1] = kind .. '/' .. string.match(member, '[^' .. US .. ']*$')
  end
end
for first = 1, #addresses, 4000 do
  local last = math.min(first + 3999, #addresses)
  for i, text in ipairs(redis.call('HMGET', ctx.entries, unpack(addresses, first, last))) do
    if text then reply[#reply + 1], reply[#reply + 2] = addresses[first + i - 1], text end
  end
end
return reply
