-- The chore `@people` is done: what nobody needs to answer any more is withdrawn.
--
-- KEYS    partition keys, board keys
-- ARGV    now, limits (4), board count = 1, board, claim held (5), write count, (address, expected, schema, payload)…
-- returns {'ok', seq, version…} | {'lost'} | {'done'} | {'closed', …}
--         | {'version'|'gone', address, version} (it is to be done again)
-- events  R, T, O
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
--- @include "limits"
--- @include "contribution"
--- @include "settling"

board.now = arguments.now()
local bounds = limits.read()
local claim = settling.read(board.open_all())
local writes = contribution.read()
local activation, why = settling.held(claim)
if not activation then return { why } end
local ctx = claim.board
contribution.load(ctx, writes)
local refused = contribution.check(ctx, writes, 0, '-', bounds, saga.under_way(ctx) and ctx.status or nil)
if refused then return refused end

local changes, versions = contribution.apply(ctx, writes, '@people', 0)
matching.apply(ctx, changes, '', 1)
chores.done(ctx, '@people', activation)
saga.look(ctx) -- which does not end before nobody is asked in vain
matching.quiesce(ctx, '', 1)
local reply = contribution.answer(ctx, versions)

control.finish()
partition.wake(partition.awake)
return reply
