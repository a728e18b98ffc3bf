-- A running activation keeps the result of a step, with what it writes of it, or drops records that are of no use any more.
--
-- KEYS    partition keys, board keys
-- ARGV    now, limits (4), board count = 1, board, claim held (5), drop from place (0: nothing), place (0: none), most places,
--         kind, name, arguments, binding, delay ms (-1: none), result (JSON), write count, (address, expected, schema, payload)…
-- returns {'ok', now, wake time of a delay or 0, version…} | {'done'} | {'lost'} | {'closed', …}
--         | {'exists'|'version'|'gone', address, version} | {'overloaded', limit, maximum, value}
-- events  S (recorded), P, R, X, T, O
-- repeat  what is recorded already is answered as it was; fenced: with the lease gone it answers 'lost'

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
--- @include "limits"
--- @include "contribution"
--- @include "settling"
--- @include "recording"

board.now = arguments.now()
local bounds = limits.read()
local claim = settling.read(board.open_all())
local record, writes = recording.read(), contribution.read()
local activation, why = settling.held(claim)
if not activation then return { why } end
local answered = recording.repeated(claim, record, writes)
if answered then return answered end

contribution.load(claim.board, writes)
local refused = recording.objection(record, bounds) or contribution.check(claim.board, writes, 0, '-', bounds, 'undoing')
if refused then return refused end
recording.keep(claim, activation, record)
if #writes == 0 then
  control.spare(claim.board) -- who decides has nothing to decide: the agenda is as it was
else
  local ctx, depth = claim.board, activation[DEPTH]
  local changes = contribution.apply(ctx, writes, settling.name(claim), depth)
  matching.apply(ctx, changes, claim.identity, depth + 1)
  matching.quiesce(ctx, claim.identity, depth + 1)
end
local reply = recording.answer(claim.board, record.delay >= 0 and board.now + record.delay or 0, writes)

control.finish()
partition.wake(partition.awake)
return reply
