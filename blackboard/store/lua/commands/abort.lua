-- Undoes what was done on a board: as a whole, after which it is over, or back to a savepoint, after which it goes on.
--
-- Nothing that is open starts any more (back to a savepoint: it is held); what runs is waited for, and undone as well.
--
-- KEYS    partition keys, board keys
-- ARGV    now, operation, board count = 1, board, author, reason, savepoint (its event; 0: as a whole)
-- returns {'ok', event} | {'done', event} (it is being undone as a whole, or was) | {'saga', event} (it goes back to a savepoint,
--         and cannot go to another meanwhile) | {'absent', 0} | {status, 0} (it takes no orders)
-- events  A (aborted), Z (paused), O, T
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
--- @include "closing"
--- @include "undoing"
--- @include "journal"

board.now = arguments.now()
local operation = arguments.next()
local ctx = board.open_all()[1]
local author, reason, savepoint = arguments.next(), arguments.next(), arguments.number()

local answered = journal.recall(ctx, operation)
if answered then return answered end
local whole, facts = savepoint == 0, saga.facts(ctx)
if not ctx.status then return { 'absent', 0 } end
if ctx.status ~= 'open' then
  return whole and ctx.status ~= 'closed' and { 'done', facts.began } or { ctx.status, 0 }
end
if not whole and saga.under_way(ctx) then return { 'saga', facts.began } end

if whole then undoing.abort(ctx, author, reason) else undoing.go_back(ctx, author, savepoint, reason) end
local reply = { 'ok', saga.facts(ctx).began }
control.finish()
journal.remember(ctx, operation, reply)
partition.wake(partition.awake)
return reply
