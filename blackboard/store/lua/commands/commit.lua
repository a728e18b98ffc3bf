-- Group commit: the contributions of many running activations, on many boards, and the worker's next claim.
--
-- KEYS    partition keys, the keys of every board
-- ARGV    now, limits (8), board count, board…, operation count, operation…, claim
--         operation: 'commit'|'part', claim held (5), part, schema-less reads: count, (address, version)…,
--         kinds read: count, kind…, write count, (address, expected, schema, payload)…,
--         handoff count, (peer, note)…
--         claim: wanted, owner, request, lease, crew, cursor, lane, brief
-- returns {answers, next due in ms, count, activation…}; an answer is {'ok', seq, version…} | {'done'} | {'lost'} | {'closed', …}
--         | {'exists'|'version'|'gone'|'read', address, version} (it is ready again) | {'overloaded', limit, maximum, value}
--         | {'newer', address, schema there, schema written}
--         | {'unknown_peer', peer, ''} | {'unfit_peer', peer, kind that it was not given}
-- events  F (fired), P, R, X, H (handed off), T, O, G (a standing grant), Z (a guard tripped)
-- repeat  fenced by number, epoch and owner: a second commit answers 'done'; the claim is repeatable by its request number

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
--- @include "handing"
--- @include "standing"
--- @include "committing"
--- @include "queueing"
--- @include "showing"
--- @include "claiming"

board.now = arguments.now()
local bounds = limits.read()
local slots = board.open_all()
local operations = committing.read(slots)
local answers = {}
for i, operation in ipairs(operations) do answers[i] = committing.commit(operation, bounds) end

standing.look()
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
