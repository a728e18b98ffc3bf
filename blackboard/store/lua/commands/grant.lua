-- A person or a program grants one held activation.
--
-- KEYS    partition keys, board keys
-- ARGV    now, operation, board count = 1, board, author, reason, expected epoch (-1: any), identity, number
-- returns {'ok', epoch} | {'epoch', epoch now} | {'free', 0} (it is not held: nothing to grant) | {'absent', 0} | {'closed', 0}
--         | {'saga', epoch} (it goes back to a savepoint, and nothing starts meanwhile)
-- events  G (granted)
-- repeat  the same operation answers as it did before and writes nothing; another finds nothing held, and answers 'free'

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
local author, reason, expected = arguments.next(), arguments.next(), arguments.number()
local identity, number = arguments.next(), arguments.number()
local answered = journal.recall(ctx, operation)
if answered then return answered end
local refused = control.objection(ctx, expected >= 0 and expected or nil)
if refused then return refused end
if saga.under_way(ctx) then return { 'saga', ctx.control } end
local field = ctx.id .. RS .. identity
local activation = partition.activation(field)
if not activation or activation[NUMBER] ~= number or activation[STATE] == 'D' then return { 'absent', 0 } end
if activation[STATE] ~= 'u' then return { 'free', 0 } end

agenda.grant(ctx, field, identity, activation, author, reason)
local reply = { 'ok', ctx.control }
control.finish()
journal.remember(ctx, operation, reply)
partition.wake(partition.awake)
return reply
