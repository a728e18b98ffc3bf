-- Group of decisions: what controllers grant on many boards, and the controller's next claim.
--
-- KEYS    partition keys, the keys of every board
-- ARGV    now, board count, board…, decision count, decision…, claim
--         decision: claim held (5), epoch of control, last event seen, memo (JSON), verdict, wake (ms, 0: never), reason,
--         standing grants ('' none; else until when, ms, and source, memo…, RS behind each, US for the number),
--         grant count, (identity, number, why)…
--         verdict: 'go' | 'pause' (the reason says why)
--         claim: wanted, owner, request, lease, crew, cursor, lane, brief
-- returns {answers, next due in ms, count, activation…}; an answer is {'ok', seq} | {'done', epoch} | {'lost', epoch}
--         | {'closed', epoch} | {'epoch', epoch now} | {'absent', identity} (look again: what was granted is not held)
-- events  G (granted), Z (paused)
-- repeat  fenced by number, epoch and owner: a second call answers 'done'; the claim is repeatable by its request number

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
--- @include "standing"
--- @include "deciding"
--- @include "queueing"
--- @include "showing"
--- @include "claiming"

board.now = arguments.now()
local slots = board.open_all()
local decisions, answers = deciding.read(slots), {}
for i, decision in ipairs(decisions) do answers[i] = deciding.apply(decision) end

control.finish()
local request = claiming.read()
local reply = { answers }
if request.wanted > 0 then
  claiming.claim(reply, request)
else
  reply[2], reply[3] = 0, 0
  partition.wake(partition.awake)
end
return reply
