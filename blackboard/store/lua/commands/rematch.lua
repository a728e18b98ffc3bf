-- Matches one open board against sources registered after its last match, a bounded slice at a time.
--
-- First pass: entries fill the memories; meanwhile commits keep them up to date, but the new sources do not fire yet.
-- The last slice of the pass moves the board to the revision and looks at everything the new triggers can bind.
--
-- KEYS    partition keys, board keys
-- ARGV    now, board count = 1, board, revision to reach, cursor, slice
-- returns {'more', cursor} | {'ok', revision} | {'done', revision} (nothing to do)
-- events  T, O
-- repeat  harmless

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
--- @include "rematching"

board.now = arguments.now()
local ctx = board.open_all()[1]
local revision, cursor, slice = arguments.number(), arguments.next(), arguments.number()
if ctx.status ~= 'open' or ctx.rev >= revision then return { 'done', ctx.rev } end

if rematching.clear(ctx, revision) then
  board.flush()
  return { 'more', '0' }
end
local following = rematching.fill(ctx, revision, cursor, slice)
if following ~= '0' then
  ctx.touched = true
  board.flush()
  partition.flush()
  partition.wake(partition.awake)
  return { 'more', following }
end
rematching.enable(ctx, revision)
control.finish()
partition.wake(partition.awake)
return { 'ok', revision }
