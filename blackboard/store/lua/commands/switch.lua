-- Switches the mode of a board, creating it when it is new: to choreography, or to orchestration by a strategy.
--
-- KEYS    partition keys, board keys
-- ARGV    now, operation, what a new board begins with (5), board count = 1, board, author, reason, expected epoch (-1: any),
--         mode ('c' or 'o'), strategy (JSON), its name, unattended ms (0: held as long as no controller comes)
-- returns {'ok', epoch, activations moved, running…} | {'epoch', epoch now} | {'closed', 0}
--         | {'absent', 0} (there is no board to take back)
-- events  B (created), M (switched), T
-- repeat  the same operation answers as it did before and writes nothing

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
--- @include "life"
--- @include "journal"

board.now = arguments.now()
local operation, defaults = arguments.next(), life.read()
local ctx = board.open_all()[1]
local author, reason, expected = arguments.next(), arguments.next(), arguments.number()
local mode, strategy, name, unattended = arguments.next(), arguments.next(), arguments.next(), arguments.number()

local answered = journal.recall(ctx, operation)
if answered then return answered end
local refused = ctx.status and control.objection(ctx, expected >= 0 and expected or nil)
if refused then return refused end

if not ctx.status and mode == 'c' then return { 'absent', 0 } end
life.begin(ctx, author, defaults)
local move_all = (mode == 'c' and ctx.gate == '-') and control.free_all or control.hold_all
local moved, running = move_all(ctx, mode, saga.under_way(ctx))
if mode == 'o' then
  control.orchestrate(ctx, author, strategy, name, reason, unattended)
else
  control.choreograph(ctx, author, reason)
end
control.dismiss(ctx)
if ctx.born then
  matching.apply(ctx, {}, author, 1)
  matching.quiesce(ctx, '', 1)
end
local reply = control.answer(ctx, moved, running)

control.finish()
journal.remember(ctx, operation, reply)
life.flush()
partition.wake(partition.awake)
return reply
