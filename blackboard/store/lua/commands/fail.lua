-- A running activation failed: it is tried again later, or its attempts are spent and it is kept as dead, or nobody knows what
-- it has done outside the board. If its death is fatal, what was done on its board is undone. What fails while its board is
-- undone is not tried again.
--
-- KEYS    partition keys, board keys
-- ARGV    now, board count = 1, board, claim held (5), verdict, delay ms, reason, problem, place
--         verdict: 'retry' (an attempt is charged) | 'dead' (attempts spent, or the crash limit; the reason 'aborted': its
--         agent said that everything is to be undone, and why is the problem)
--         | 'unknown' (it acted outside the board, and was cut short) | 'timeout' (by its time limit: an attempt is charged)
--         place: from which on its records are dropped, so that a retry makes them anew (0: none)
-- returns 'ok' | 'done' | 'lost' | 'closed'
-- events  E (failed, will be retried) | D (dead), A (aborted) | U (outcome unknown), T, O
-- repeat  fenced: a second call finds the lease gone and answers 'lost'

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

board.now = arguments.now()
local claim = settling.read(board.open_all())
if control.is_control(claim.identity) then return 'lost' end -- a controller answers with `decide`
local verdict, delay = arguments.next(), arguments.number()
local reason, problem, place = arguments.next(), arguments.next(), arguments.number()
local activation, why = settling.held(claim)
if not activation then return why end

local dirty, ctx = activation[DIRTY] == 1, claim.board
if chores.is(claim.identity) then
  chores.give_back(ctx, claim.identity, activation)
  control.finish()
  partition.wake(partition.awake)
  return 'ok'
end
if ctx.status ~= 'open' and verdict == 'retry' and not codec.is_undoing(claim.identity) then
  verdict, reason = 'dead', 'its board is being undone'
end
-- A person's no is no failure of the source (it comes without a reason), and an end of which nobody knows how it came says
-- nothing.
local is_failure = verdict ~= 'unknown' and reason ~= 'damaged' and (verdict ~= 'dead' or reason ~= '')
if is_failure then limiting.fail(claim.field, codec.source(claim.identity), activation) end
if place > 0 then agenda.forget(ctx, claim.identity, activation, place) end
if verdict == 'dead' then
  if reason ~= 'crash limit' then activation[ATTEMPTS] = activation[ATTEMPTS] + 1 end
  agenda.bury(ctx, claim.identity, activation, claim.owner, reason, problem)
  undoing.died(claim, reason, problem)
elseif verdict == 'unknown' or verdict == 'timeout' then
  if verdict == 'timeout' then activation[ATTEMPTS] = activation[ATTEMPTS] + 1 end
  agenda.doubt(ctx, claim.identity, activation, claim.owner, reason, problem)
else
  activation[ATTEMPTS], activation[PROBLEM] = activation[ATTEMPTS] + 1, problem
  activation[DUE_AT] = board.now + delay
  board.event(ctx, 'E', claim.owner, claim.identity, activation[NUMBER], activation[ATTEMPTS], activation[DUE_AT], problem)
  agenda.move(ctx, claim.identity, activation, 't')
end
settling.after(claim, dirty, activation[DEPTH])

control.finish()
partition.wake(partition.awake)
return 'ok'
