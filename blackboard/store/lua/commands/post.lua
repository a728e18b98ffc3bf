-- A contribution from outside: posts, revisions and retractions on one board, creating it when it is new.
--
-- KEYS    partition keys, board keys
-- ARGV    now, operation, author, depth (of the author, if it is an activation, else 0), limits (8),
--         what a new board begins with (5), board count = 1, board, write count, (address, expected, schema, payload)…
-- returns {'ok', seq, version…} | {'exists'|'version'|'gone', address, version} | {'closed', board, 0}
--         | {'overloaded', limit, maximum, value}
--         | {'newer', address, schema there, schema written}
-- events  B (created), P, R, X, T, O, Z (a guard tripped)
-- repeat  the same operation answers as it did before and writes nothing

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
--- @include "life"
--- @include "journal"

--- In which status besides a board takes a post: what a compensation asks can be answered while all is undone.
local function taken_also(writes)
  for _, write in ipairs(writes) do if codec.kind(write.address) ~= 'approval' then return nil end end
  return 'undoing'
end

board.now = arguments.now()
local operation, author, depth = arguments.next(), arguments.next(), arguments.number()
local bounds = limits.read()
local defaults = life.read()
local ctx = board.open_all()[1]

local answered = journal.recall(ctx, operation)
if answered then return answered end

local writes = contribution.read()
if not ctx.status and contribution.only_retracts(writes) then return contribution.nothing(writes) end
life.begin(ctx, author, defaults, true)
contribution.load(ctx, writes)
local refused = contribution.check(ctx, writes, 0, '-', bounds, taken_also(writes))
if refused then return refused end

local foreseen = {}
contribution.foresee(ctx, writes, foreseen)
partition.load(foreseen)
local changes, versions = contribution.apply(ctx, writes, author, depth)
matching.apply(ctx, changes, '', depth + 1)
matching.quiesce(ctx, '', depth + 1)
local reply = contribution.answer(ctx, versions)

control.finish()
journal.remember(ctx, operation, reply)
life.flush()
partition.wake(partition.awake)
return reply
