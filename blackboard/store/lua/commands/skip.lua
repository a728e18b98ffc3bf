-- A person does without a compensation, dead or not yet run: what it was to undo stays, and the saga goes on.
--
-- KEYS    partition keys, board keys
-- ARGV    now, operation, board count = 1, board, author, reason, identity, number
-- returns 'ok' | 'running' | 'absent' (no such compensation is open or dead) | 'over' (the board is not being undone)
-- events  K (skipped)
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
--- @include "journal"

board.now = arguments.now()
local operation = arguments.next()
local ctx = board.open_all()[1]
local author, reason = arguments.next(), arguments.next()
local identity, number = arguments.next(), arguments.number()
local answered = journal.recall(ctx, operation)
if answered then return answered[1] end
if not saga.under_way(ctx) then return 'over' end
local activation = partition.activation(ctx.id .. RS .. identity)
if not activation or activation[NUMBER] ~= number or not codec.is_undoing(identity) then return 'absent' end
if activation[STATE] == 'x' then return 'running' end

board.event(ctx, 'K', author, identity, number, reason)
agenda.drop(ctx, identity, activation)
saga.go_on(ctx)
matching.quiesce(ctx, '', 1)
control.finish()
journal.remember(ctx, operation, { 'ok' })
partition.wake(partition.awake)
return 'ok'
