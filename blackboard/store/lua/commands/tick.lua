-- A worker looks at a board whose time has come, by the chore `@clock` that it claimed: its deadline, or long disuse.
--
-- KEYS    partition keys, board keys
-- ARGV    now, board count = 1, board, claim held (5)
-- returns 'paused' (its deadline paused it) | 'deadline' | 'idle' (it is to be closed, for this reason) | 'later' (it is not yet
--         time) | 'lost' | 'closed'
-- events  Z (paused)
-- repeat  fenced: a second call finds the lease gone and answers 'lost'; what is to be closed is so until it is closed

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
--- @include "pausing"

board.now = arguments.now()
local claim = settling.read(board.open_all())
local activation, why = settling.held(claim)
if not activation then return why end
local ctx = claim.board
if ctx.status ~= 'open' then -- what is being undone comes to an end of its own
  clocks.drop(ctx)
  control.finish()
  return 'later'
end

local answer, due, following = 'later', clocks.due(ctx)
if due == 'idle' then return 'idle' end
if due == 'deadline' then
  if redis.call('HGET', ctx.meta, 'overdue') == 'close' then return 'deadline' end
  ctx.deadline = 0 -- it has done what it was for: who resumes the board, resumes it
  pausing.begin(ctx, '@deadline', 'its deadline has passed')
  control.dismiss(ctx)
  answer = 'paused'
  due, following = clocks.due(ctx)
  clocks.set(ctx, due and board.now or following)
else
  clocks.set(ctx, following)
end
clocks.drop(ctx)
control.finish()
return answer
