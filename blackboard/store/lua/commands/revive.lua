-- A dead activation is tried again with fresh attempts. Where it is a compensation, its saga goes on with that.
--
-- KEYS    partition keys, board keys
-- ARGV    now, operation, board count = 1, board, identity, author, fresh (1: what it has recorded is dropped, so that it
--         begins anew)
-- returns 'ok' | 'absent' (no dead activation of this identity) | 'obviated' (its trigger no longer holds) | 'closed'
-- events  V (revived) | O (obviated)
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
local identity, author, fresh = arguments.next(), arguments.next(), arguments.number()
local answered = journal.recall(ctx, operation)
if answered then return answered[1] end
local undoes = codec.is_undoing(identity)
if ctx.status and ctx.status ~= 'open' and not (undoes and saga.under_way(ctx)) then return 'closed' end
local activation = partition.activation(ctx.id .. RS .. identity)
if not activation or activation[STATE] ~= 'D' then return 'absent' end

local trigger = triggers.source(codec.source(identity))
if trigger then agenda.retune(ctx, identity, activation, trigger) end
if fresh == 1 then agenda.forget(ctx, identity, activation, 0) end
board.event(ctx, 'V', author, identity, activation[NUMBER])
partition.dead[ctx.id .. RS .. identity] = false
lexset.put(board.agenda(ctx), identity, true)
activation[ATTEMPTS], activation[CRASHES], activation[SINCE] = 0, 0, board.now
agenda.move(ctx, identity, activation, 'r')
matching.revisit(ctx, identity, ctx.seq, activation[DEPTH])
matching.quiesce(ctx, '', 1)
if undoes then saga.go_on(ctx) end
local left = partition.activation(ctx.id .. RS .. identity)

control.finish()
journal.remember(ctx, operation, { left and 'ok' or 'obviated' })
partition.wake(partition.awake)
return left and 'ok' or 'obviated'
