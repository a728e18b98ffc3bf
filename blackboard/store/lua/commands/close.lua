-- Closes a board for good: nothing can be written any more, its agenda is dropped, its keys expire after the retention.
--
-- KEYS    partition keys, board keys
-- ARGV    now, board count = 1, board, author, reason, retention ms (0: for ever)
-- returns {'ok', seq, dropped} | {'done', seq, 0} when it was closed before | {'absent', 0, 0}
-- events  C (closed)
-- repeat  closing a closed board changes nothing

--- @include "arguments"
--- @include "codec"
--- @include "lexset"
--- @include "partition"
--- @include "board"
--- @include "condition"
--- @include "triggers"
--- @include "control"
--- @include "chores"
--- @include "lineage"
--- @include "guard"
--- @include "agenda"
--- @include "closing"

board.now = arguments.now()
local ctx = board.open_all()[1]
local author, reason, retention = arguments.next(), arguments.next(), arguments.number()
if not ctx.status then return { 'absent', 0, 0 } end
if ctx.status ~= 'open' then return { 'done', ctx.seq, 0 } end

local dropped = closing.drop_agenda(ctx)
control.dismiss(ctx)
chores.drop_all(ctx)
ctx.status = 'closed'
board.event(ctx, 'C', author, reason, dropped)
board.flush()
partition.flush()
closing.expire(ctx, retention)
return { 'ok', ctx.seq, dropped }
