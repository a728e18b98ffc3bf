-- The limits of a board, given by the caller: writes beyond them are refused whole, and storms are stopped.

local limits = {}

--- Reads `entries, open activations, writes of a contribution, bytes of an entry` and, for the guards, `depth, activations,
--- alternations, wall clock (ms, 0: none)` from ARGV.
function limits.read()
  limits.entries, limits.open = arguments.number(), arguments.number()
  limits.writes, limits.bytes = arguments.number(), arguments.number()
  limits.depth, limits.activations = arguments.number(), arguments.number()
  limits.alternations, limits.wall = arguments.number(), arguments.number()
  guard.watch(limits)
  return limits
end
