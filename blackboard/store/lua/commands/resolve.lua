-- A person settles an activation whose outcome is unknown.
--
-- KEYS    partition keys, board keys
-- ARGV    now, operation, limits (4), board count = 1, board, author, reason, identity, number, verdict,
--         write count, (address, expected, schema, payload)…
--         verdict: 'done' (its action had its effect: the writes are its contribution) | 'again' (it had none: it may run)
--         | 'dead' (it is given up, and kept with the dead; if its death is fatal, everything is undone)
-- returns {'ok', seq, version…} | {'obviated', seq} (again, but its trigger no longer holds) | {'absent', identity, 0}
--         | {'known', state, 0} (its outcome is not unknown) | {'closed', board, 0}
--         | {'exists'|'version'|'gone', address, version} | {'overloaded', limit, maximum, value}
-- events  U (what was said), F (fired), P, R, X | D (died), A (aborted), T, O
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
--- @include "limits"
--- @include "contribution"
--- @include "settling"
--- @include "handing"
--- @include "committing"
--- @include "closing"
--- @include "undoing"
--- @include "resolving"
--- @include "journal"

board.now = arguments.now()
local operation = arguments.next()
local bounds = limits.read()
local ctx = board.open_all()[1]
local author, reason = arguments.next(), arguments.next()
local identity, number, verdict = arguments.next(), arguments.number(), arguments.next()
local writes = contribution.read()

local answered = journal.recall(ctx, operation)
if answered then return answered end
if ctx.status ~= 'open' and ctx.status ~= 'undoing' then
  return { ctx.status and 'closed' or 'absent', ctx.status or ctx.id, 0 }
end
local activation = partition.activation(ctx.id .. RS .. identity)
if not activation or activation[NUMBER] ~= number then return { 'absent', identity, 0 } end
if activation[STATE] ~= 'q' then return { 'known', activation[STATE], 0 } end

local reply
if verdict == 'done' then
  reply = resolving.done(ctx, identity, activation, author, reason, writes, bounds)
  if reply[1] ~= 'ok' then return reply end
elseif verdict == 'again' then
  reply = resolving.again(ctx, identity, activation, author, reason)
else
  agenda.bury(ctx, identity, activation, author, 'given up', reason)
  undoing.died({ board = ctx, identity = identity, number = number }, 'given up', reason == '' and 'given up' or reason)
  matching.quiesce(ctx, '', 1)
  reply = { 'ok', ctx.seq }
end

if ctx.status ~= 'open' or ctx.gate == 'p' then saga.look(ctx) end
control.finish()
journal.remember(ctx, operation, reply)
partition.wake(partition.awake)
return reply
