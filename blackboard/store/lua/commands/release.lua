-- A worker gives a running activation back without charge: it drains, or the precondition declined.
--
-- KEYS    partition keys, board keys
-- ARGV    now, board count = 1, board, claim held (5), verdict, reason
--         verdict: 'ready' (any worker may run it) | 'wait' (until its precondition may answer differently)
-- returns 'ok' | 'done' | 'lost' | 'closed'
-- events  W (waits for its precondition), T, O
-- repeat  fenced: a second call finds the lease gone and answers 'lost'

--- @include "arguments"
--- @include "codec"
--- @include "lexset"
--- @include "partition"
--- @include "board"
--- @include "condition"
--- @include "triggers"
--- @include "control"
--- @include "agenda"
--- @include "binding"
--- @include "matching"
--- @include "settling"

board.now = arguments.now()
local claim = settling.read(board.open_all())
local verdict, reason = arguments.next(), arguments.next()
local activation, why = settling.held(claim)
if not activation then return why end

local dirty, ctx = activation[DIRTY] == 1, claim.board
if verdict == 'wait' and not dirty then
  board.event(ctx, 'W', claim.owner, claim.identity, activation[NUMBER], reason)
  agenda.move(ctx, claim.identity, activation, 'w')
else
  agenda.move(ctx, claim.identity, activation, 'r')
end
settling.after(claim, dirty, activation[DEPTH])

control.finish()
partition.wake(partition.awake)
return 'ok'
