-- A worker gives an activation back without charge: it drains, the precondition declined, or the source has bid.
--
-- KEYS    partition keys, board keys
-- ARGV    now, board count = 1, board, claim held (5), verdict, reason
--         verdict: 'ready' (any worker may run it) | 'wait' (until its precondition may answer differently)
--         | 'bid' (the reason is the number) | 'newer' (a newer release wrote what it needs: the reason is the crew, which
--         has no more of it than what the release that registered its source last has)
--         | 'again' (it was reconciled, and has had no effect: it may run)
-- returns 'ok' | 'done' | 'lost' | 'closed'
-- events  W (waits for its precondition), U (reconciled), T, O
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

local function finish()
  control.finish()
  partition.wake(partition.awake)
  return 'ok'
end

board.now = arguments.now()
local claim = settling.read(board.open_all())
if control.is_control(claim.identity) then return 'lost' end -- a controller answers with `decide`
local verdict, reason = arguments.next(), arguments.next()

local bidder = settling.bidding(claim)
if bidder then
  if verdict == 'bid' then
    agenda.rate(claim.board, claim.identity, bidder, rating.bounded(tonumber(reason)), 1)
  end
  agenda.move(claim.board, claim.identity, bidder, 'r')
  return finish()
end

local activation, why = settling.held(claim)
if not activation then return why end

local dirty, ctx = activation[DIRTY] == 1, claim.board
if chores.is(claim.identity) then
  chores.give_back(ctx, claim.identity, activation)
  return finish()
end
if verdict == 'newer' then
  -- Others have the source by now, or it waits until its entries change or a newer release registers it.
  local others = not string.find(partition.crews(codec.source(claim.identity)), '|' .. reason .. '|', 1, true)
  verdict, reason = others and 'ready' or 'wait', 'a newer release'
end
if verdict == 'wait' and not dirty then
  board.event(ctx, 'W', claim.owner, claim.identity, activation[NUMBER], reason)
  agenda.move(ctx, claim.identity, activation, 'w')
else
  if verdict == 'again' then
    board.event(ctx, 'U', claim.owner, claim.identity, activation[NUMBER], reason)
    activation[UNSURE] = 0
  end
  agenda.move(ctx, claim.identity, activation, 'r')
end
settling.after(claim, dirty, activation[DEPTH])
return finish()
