-- Gives a board another deadline, or none: after it, nothing starts any more.
--
-- KEYS    partition keys, board keys
-- ARGV    now, board count = 1, board, author, reason, deadline (ms since 1970, 0: none), or in so many ms (0: at that time),
--         what it does ('pause' or 'close')
-- returns {'ok', deadline} | {'done', deadline} (it is so already) | {'absent', 0} | {'closed', 0}
-- events  t (deadline)
-- repeat  the deadline of the last call stands; one given as a duration begins anew

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

board.now = arguments.now()
local ctx = board.open_all()[1]
local author, reason = arguments.next(), arguments.next()
local at, after, action = arguments.number(), arguments.number(), arguments.next()
local refused = control.objection(ctx)
if refused then return refused end
local deadline = after > 0 and board.now + after or at
local before = redis.call('HGET', ctx.meta, 'overdue') or action
if deadline == ctx.deadline and (deadline == 0 or before == action) then return { 'done', deadline } end

local was_over = control.is_overdue(ctx)
ctx.deadline = deadline
board.note(ctx, 'overdue', action)
board.event(ctx, 't', author, deadline, action, reason)
clocks.drop(ctx)
local due, following = clocks.due(ctx)
clocks.set(ctx, due and board.now or following)
if was_over and not control.is_overdue(ctx) and ctx.mode == 'c' and ctx.gate == '-' then control.free_all(ctx) end
control.finish()
partition.wake(partition.awake)
return { 'ok', deadline }
