-- A person or a program forbids one open activation: it is kept with the dead, and can be retried.
--
-- KEYS    partition keys, board keys
-- ARGV    now, operation, board count = 1, board, author, reason, identity, number
-- returns 'ok' | 'running' (it has started) | 'absent' | 'closed'
-- events  D (died: vetoed), T, O
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
--- @include "journal"

board.now = arguments.now()
local operation = arguments.next()
local ctx = board.open_all()[1]
local author, reason = arguments.next(), arguments.next()
local identity, number = arguments.next(), arguments.number()
local answered = journal.recall(ctx, operation)
if answered then return answered[1] end
local refused = control.objection(ctx)
if refused then return refused[1] end
local activation = partition.activation(ctx.id .. RS .. identity)
if not activation or activation[NUMBER] ~= number or activation[STATE] == 'D' or control.is_control(identity) then
  return 'absent'
end
if codec.is_undoing(identity) then return 'absent' end -- a compensation is skipped
if activation[STATE] == 'x' then return 'running' end

agenda.bury(ctx, identity, activation, author, 'vetoed', reason)
matching.quiesce(ctx, '', 1)
control.finish()
journal.remember(ctx, operation, { 'ok' })
partition.wake(partition.awake)
return 'ok'
