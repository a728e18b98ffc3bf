-- Closes a board for good: nothing can be written any more, its agenda is dropped, its keys expire after the retention.
--
-- KEYS    partition keys, board keys
-- ARGV    now, operation, board count = 1, board, author, reason, retention ms (0: for ever), result (JSON, '': none), the last
--         event that the caller knows (-1: any)
-- returns {'ok', seq, dropped} | {'done', seq, 0} when it was closed before | {'absent', 0, 0}
--         | {'undoing', seq, 0} (it is being undone, which comes to an end of its own)
--         | {'moved', seq, 0} (there are events that the caller does not know)
-- events  C (closed)
-- repeat  the same operation answers as it did before and writes nothing; closing a closed board changes nothing

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
--- @include "closing"
--- @include "journal"

board.now = arguments.now()
local operation = arguments.next()
local ctx = board.open_all()[1]
local author, reason, retention = arguments.next(), arguments.next(), arguments.number()
local result, known = arguments.next(), arguments.number()
local answered = journal.recall(ctx, operation)
if answered then return answered end
if not ctx.status then return { 'absent', 0, 0 } end
if ctx.status == 'undoing' or ctx.status == 'stuck' then return { 'undoing', ctx.seq, 0 } end
if ctx.status ~= 'open' then return { 'done', ctx.seq, 0 } end
if known >= 0 and known ~= ctx.seq then return { 'moved', ctx.seq, 0 } end
if saga.under_way(ctx) then saga.move(ctx, 'abandoned') end

local dropped = closing.drop(ctx, retention)
control.dismiss(ctx)
ctx.status = 'closed'
board.event(ctx, 'C', author, reason, dropped, result)
limiting.settle()
board.flush()
partition.flush()
local reply = { 'ok', ctx.seq, dropped }
journal.remember(ctx, operation, reply)
closing.expire(ctx, retention)
partition.wake(partition.awake)
return reply
