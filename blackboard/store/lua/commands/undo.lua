-- A worker has read from the log how far a saga is: it opens the compensations that may run now, or ends the saga, or says
-- that it is stuck.
--
-- KEYS    partition keys, board keys
-- ARGV    now, board count = 1, board, claim of the chore held (5), epoch of control, verdict, reason,
--         retention ms (0: for ever), last event known (-1: any), count, (source, number of its activation)…
--         verdict: 'go' (these may be undone now) | 'wait' (for what runs) | 'done' (nothing is left: the saga ends, once
--         what was asked of people is withdrawn) | 'stuck'
-- returns {'ok', seq} | {'again', seq} (something has ended meanwhile, or the board is not what was archived as its end: it is to
--         be worked out again) | {'lost', seq}
-- events  T (of compensations), J (ended, or stuck), Y (resumed), O
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
local ctx, epoch, verdict, reason = claim.board, arguments.number(), arguments.next(), arguments.next()
local retention, known, opened = arguments.number(), arguments.number(), arguments.list()
local activation = settling.held(claim)
if not activation or not ctx.status or claim.identity ~= '@saga' .. RS then return { 'lost', ctx.seq } end

local ends = verdict == 'done' or verdict == 'stuck'
local late = epoch ~= ctx.control or ends and activation[DIRTY] == 1 or known >= 0 and known ~= ctx.seq
if not saga.under_way(ctx) then
  chores.done(ctx, '@saga', activation)
elseif late then
  chores.give_back(ctx, claim.identity, activation)
elseif verdict == 'done' and chores.is_open(ctx, '@people') then
  chores.rest(ctx, '@saga', activation) -- questions are still to be withdrawn
elseif verdict == 'done' then
  undoing.finish(ctx, claim.owner, reason, activation, retention)
else
  if verdict == 'stuck' then undoing.stick(ctx, claim.owner, reason) end
  for i = 1, #opened, 2 do undoing.open(ctx, opened[i], tonumber(opened[i + 1])) end
  chores.rest(ctx, '@saga', activation)
end
matching.quiesce(ctx, '', 1)

control.finish()
if ctx.status == 'aborted' then closing.expire(ctx, retention) end
partition.wake(partition.awake)
return { late and 'again' or 'ok', ctx.seq }
