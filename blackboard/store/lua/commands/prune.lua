-- Forgets boards whose keys have expired.
--
-- KEYS    partition keys
-- ARGV    board count, board…
-- returns the boards that are forgotten
-- repeat  harmless: a board that has begun anew meanwhile is left alone

--- @include "arguments"
--- @include "codec"
--- @include "lexset"
--- @include "partition"

local gone = {}
for _, id in ipairs(arguments.list()) do
  if redis.call('EXISTS', partition.tag .. 'b:' .. id .. ':meta') == 0 then
    gone[#gone + 1], partition.clocks[id] = id, false
  end
end
many('ZREM', BOARDS, gone)
partition.flush()
return gone
