-- Renews the leases of one worker in one call.
--
-- KEYS    partition keys
-- ARGV    now, owner, count, (field, number, epoch, lease ms)…
-- returns the fields whose lease is no longer this worker's
-- repeat  harmless

--- @include "arguments"
--- @include "codec"
--- @include "lexset"
--- @include "partition"

local now = arguments.now()
local owner = arguments.next()
local held, lost = {}, {}
for i = 1, arguments.number() do
  held[i] = { field = arguments.next(), number = arguments.number(), epoch = arguments.number(), lease = arguments.number() }
end
for _, claim in ipairs(held) do
  local activation = partition.activation(claim.field)
  if activation and codec.is_leased(activation) and activation[OWNER] == owner
    and activation[NUMBER] == claim.number and activation[EPOCH] == claim.epoch then
    partition.leases[claim.field] = now + claim.lease
  else
    lost[#lost + 1] = claim.field
  end
end
partition.flush()
return lost
