-- Pauses a board: nothing starts any more that is not granted by hand; what runs goes on.
--
-- KEYS    partition keys, board keys
-- ARGV    now, board count = 1, board, author, reason
-- returns {'ok', epoch, activations held, running…} | {'done', epoch} (it is paused) | {'absent', 0} | {'closed', 0}
-- events  Z (paused)
-- repeat  pausing a paused board changes nothing

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
--- @include "pausing"

board.now = arguments.now()
local ctx = board.open_all()[1]
local author, reason = arguments.next(), arguments.next()
local refused = control.objection(ctx)
if refused then return refused end
if ctx.gate == 'p' and not saga.stay_paused(ctx) then return { 'done', ctx.control } end

local moved, running = pausing.begin(ctx, author, reason)
control.dismiss(ctx)
control.finish()
return control.answer(ctx, moved, running)
