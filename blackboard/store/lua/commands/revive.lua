-- A dead activation is tried again with fresh attempts.
--
-- KEYS    partition keys, board keys
-- ARGV    now, board count = 1, board, identity, author
-- returns 'ok' | 'absent' (no dead activation of this identity) | 'obviated' (its trigger no longer holds) | 'closed'
-- events  V (revived) | O (obviated)
-- repeat  a second call finds no dead activation and answers 'absent'

--- @include "arguments"
--- @include "codec"
--- @include "lexset"
--- @include "partition"
--- @include "board"
--- @include "condition"
--- @include "triggers"
--- @include "control"
--- @include "chores"
--- @include "clocks"
--- @include "agenda"
--- @include "binding"
--- @include "rating"
--- @include "matching"

board.now = arguments.now()
local ctx = board.open_all()[1]
local identity, author = arguments.next(), arguments.next()
if ctx.status == 'closed' then return 'closed' end
local activation = partition.activation(ctx.id .. RS .. identity)
if not activation or activation[STATE] ~= 'D' then return 'absent' end

local trigger = triggers.source(codec.source(identity))
if trigger then agenda.retune(ctx, identity, activation, trigger) end
board.event(ctx, 'V', author, identity, activation[NUMBER])
partition.dead[ctx.id .. RS .. identity] = false
lexset.put(board.agenda(ctx), identity, true)
activation[ATTEMPTS], activation[CRASHES], activation[SINCE] = 0, 0, board.now
agenda.move(ctx, identity, activation, 'r')
matching.revisit(ctx, identity, ctx.seq, activation[DEPTH])
matching.quiesce(ctx, '', 1)
local left = partition.activation(ctx.id .. RS .. identity)

control.finish()
partition.wake(partition.awake)
return left and 'ok' or 'obviated'
