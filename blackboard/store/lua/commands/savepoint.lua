-- Marks how far a board has come: what is committed afterwards can be undone alone.
--
-- KEYS    partition keys, board keys
-- ARGV    now, operation, board count = 1, board, author, name
-- returns {'ok', event} | {'absent', 0} | {status, 0} (it takes no orders)
-- events  I (saved)
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
--- @include "journal"

board.now = arguments.now()
local operation = arguments.next()
local ctx = board.open_all()[1]
local author, name = arguments.next(), arguments.next()

local answered = journal.recall(ctx, operation)
if answered then return answered end
local refused = control.objection(ctx)
if refused then return refused end

local reply = { 'ok', board.event(ctx, 'I', author, name) }
board.note(ctx, 'mark:' .. name, string.format('%d', reply[2]))
control.finish()
journal.remember(ctx, operation, reply)
partition.wake(partition.awake)
return reply
