-- A running activation says how far it is, and lines for its board's log.
--
-- KEYS    partition keys, board keys
-- ARGV    now, board count = 1, board, claim held (5), mark, progress (JSON, '': as before), line count, line…
-- returns 'ok' | 'done' | 'lost' | 'closed'
-- events  L (said)
-- repeat  the same mark is heard once

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
local mark, progress, lines = arguments.next(), arguments.next(), arguments.list()
local activation, why = settling.held(claim)
if not activation then return why end
if recording.is_said(claim, mark) then return 'ok' end

recording.say(claim, activation, mark, progress, lines)
control.spare(claim.board) -- who decides has nothing to decide: the agenda is as it was
control.finish()
return 'ok'
