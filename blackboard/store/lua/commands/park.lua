-- A running activation frees its slot: it sleeps, or waits for a person, and goes on later where it was.
--
-- KEYS    partition keys, board keys
-- ARGV    now, board count = 1, board, claim held (5), state, due (ms, 0: never), begun, reason, awaited: count,
--         (address, version)…
--         state: 's' (it sleeps) | 'a' (it waits for an answer); begun: 1 in the middle of its work, 0 before it
-- returns {'ok', now} | {'news', now} (it is due, or an entry that it waits for has changed: it goes on running)
--         | {'done'} | {'lost'} | {'closed'}
-- events  Q (parked), T, O
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
--- @include "recording"

board.now = arguments.now()
local claim = settling.read(board.open_all())
local state, due, begun = arguments.next(), arguments.number(), arguments.number()
local reason, awaited = arguments.next(), arguments.list()
local activation, why = settling.held(claim)
if not activation then return { why } end
local ctx, dirty = claim.board, activation[DIRTY] == 1
if due > 0 and due <= board.now or recording.has_news(ctx, awaited) then return { 'news', board.now } end

board.event(ctx, 'Q', claim.owner, claim.identity, claim.number, due, reason)
if begun == 1 then
  activation[PART] = -1
else
  if dirty then state = 'r' end -- the person would be asked about entries that are not what they were
  activation[DIRTY], activation[PART] = 0, 0
end
activation[DUE_AT], activation[SINCE] = due, board.now
agenda.move(ctx, claim.identity, activation, state)
settling.after(claim, dirty, activation[DEPTH])

control.finish()
partition.wake(partition.awake)
return { 'ok', board.now }
