-- Makes a board of what was exported from another, piece by piece: nobody sees it before the last piece is there.
--
-- KEYS    partition keys, board keys
-- ARGV    now, board count = 1, board, token of this import, verb, and for the verb
--         'begin'  nothing
--         'part'   entries (address, text)…, fired (identity, text)…, records (name, text)…: each a list with its length in
--                  front; the number of the first event, events…: a list
--         'end'    status, seq, floor, mode, gate, epoch, unattended, opened, deadline, behind, created ms, retention ms;
--                  facts (name, text)…, activations (identity, text)…, chores…: lists
-- returns {'ok', seq} | {'exists', status} (there is a board of this id, or another import of one) | {'lost', ''} (it took too
--         long) | {'short', what is missing}
-- events  T, O, U: the agenda is brought up to the sources that are registered here
-- repeat  each piece is taken once: a piece that is there already changes nothing

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
--- @include "closing"
--- @include "loading"

board.now = arguments.now()
local ctx = board.open_all()[1]
local token, verb = arguments.next(), arguments.next()

if verb == 'begin' then return loading.begin(ctx, token) end
local loaded = redis.call('HGET', ctx.meta, 'loaded')
if ctx.status ~= 'loading' and loaded == token then return { 'ok', ctx.seq } end
if ctx.status ~= 'loading' or redis.call('HGET', ctx.meta, 'load') ~= token then return { 'lost', '' } end
if verb == 'part' then return loading.take(ctx) end

local header = loading.read_header()
local missing = loading.missing(ctx, header)
if missing then return { 'short', missing } end
loading.open(ctx, header, token)
control.finish()
loading.finish(ctx, header)
partition.wake(partition.awake)
return { 'ok', ctx.seq }
