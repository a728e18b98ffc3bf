-- The limits of a board, given by the caller: writes beyond them are refused whole.

local limits = {}

--- Reads `entries, open activations, writes of a contribution, bytes of an entry` from ARGV.
function limits.read()
  limits.entries, limits.open = arguments.number(), arguments.number()
  limits.writes, limits.bytes = arguments.number(), arguments.number()
  return limits
end
