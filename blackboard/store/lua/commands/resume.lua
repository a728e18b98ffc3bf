-- Ends a pause. With `step`, only until the strategy of an orchestrated board has decided once more. A board that a guard has
-- paused goes on only under a higher limit.
--
-- KEYS    partition keys, board keys
-- ARGV    now, board count = 1, board, author, reason, step (1 or 0),
--         the board's own limits from now on: depth, activations, alternations, wall ms, budget (0: as it is)
-- returns {'ok', epoch, activations freed} | {'done', epoch} (it is not paused) | {'absent', 0} | {'closed', 0}
--         | {'tripped', epoch, guard, limit, reached, source, chain} (that limit is still exceeded)
--         | {'saga', epoch} (it goes back to a savepoint, and is resumed then)
-- events  Y (resumed)
-- repeat  resuming a board that is not paused changes nothing

--- @include "arguments"
--- @include "codec"
--- @include "lexset"
--- @include "partition"
--- @include "rumour"
--- @include "board"
--- @include "condition"
--- @include "triggers"
--- @include "limiting"
--- @include "control"
--- @include "chores"
--- @include "clocks"
--- @include "lineage"
--- @include "guard"
--- @include "saga"
--- @include "agenda"
--- @include "shapes"
--- @include "binding"
--- @include "rating"
--- @include "concern"
--- @include "matching"
--- @include "settling"

board.now = arguments.now()
local ctx = board.open_all()[1]
local author, reason, step = arguments.next(), arguments.next(), arguments.number()
local wish = guard.read()
local refused = control.objection(ctx)
if refused then return refused end
if ctx.gate == '-' then return { 'done', ctx.control } end
if saga.under_way(ctx) then return { 'saga', ctx.control } end
if step == 0 then
  local tripped = guard.objection(ctx, wish)
  if tripped then return tripped end
  guard.reset(ctx, wish)
end

local moved = 0
if ctx.mode == 'c' then moved = control.free_all(ctx) end
ctx.gate = step == 1 and ctx.mode == 'o' and 's' or '-'
board.event(ctx, 'Y', author, ctx.control, reason)
control.finish()
partition.wake(partition.awake)
return { 'ok', ctx.control, moved }
