-- A claim of its own, when a worker has nothing to commit. It writes no key of a board.
--
-- KEYS    partition keys
-- ARGV    now, wanted, owner, request, lease, crew, cursor, lane, brief
-- returns {next due in ms, count, activation…}
-- repeat  the same request number answers with what that request got and still holds

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
--- @include "saga"
--- @include "shapes"
--- @include "binding"
--- @include "queueing"
--- @include "showing"
--- @include "claiming"

board.now = arguments.now()
local reply = {}
claiming.claim(reply, claiming.read())
return reply
