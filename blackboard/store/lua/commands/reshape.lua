-- Brings entries forward: each is replaced by its own data in the newest shape of its kind, which a worker has made of it.
-- An entry keeps its version and its place in the order of events: it is no news, and nothing fires again by it. What waited
-- for it is looked at, as if it had been posted in that shape.
--
-- KEYS    partition keys, board keys
-- ARGV    now, board count = 1, board, claim held of the chore (5), entry count, (address, version, schema found, schema,
--         payload)…, ending: '' (there is more) | 'done' | 'later', delay ms, problem
-- returns 'ok' | 'lost' | 'closed' | 'done' (this claim has ended before)
-- events  N (reshaped), T, O
-- repeat  fenced; an entry that has changed since it was read, or was brought forward, is left as it is

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
--- @include "contribution"
--- @include "settling"
--- @include "reshaping"

board.now = arguments.now()
local claim = settling.read(board.open_all())
local activation, why = settling.held(claim)
if not activation then return why end

reshaping.apply(claim, reshaping.read())
local ending, delay, problem = arguments.next(), arguments.number(), arguments.next()
reshaping.finish(claim, activation, ending, delay, problem)

control.finish()
partition.wake(partition.awake)
return 'ok'
