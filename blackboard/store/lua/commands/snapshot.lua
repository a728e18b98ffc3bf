-- Everything of a board but its log, as of one moment: what an export needs.
--
-- KEYS    partition keys, board keys
-- ARGV    board count = 1, board
-- returns {state line, facts, entries, fired, records, open and dead activations, chores}, each but the first a flat list of
--         names and texts (chores: of names); false when there is no such board
-- repeat  reads only

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
--- @include "exporting"

local ctx = board.open_all()[1]
if not ctx.status or ctx.status == 'loading' then return false end
return {
  redis.call('HGET', ctx.meta, 'state'), exporting.facts(ctx), redis.call('HGETALL', ctx.entries),
  redis.call('HGETALL', ctx.fired), redis.call('HGETALL', ctx.records), exporting.activations(ctx), chores.open(ctx),
}
