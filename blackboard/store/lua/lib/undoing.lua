-- Undoing: how a saga begins, what it opens, and how it ends.
--
-- A compensation is an activation of the source `~name`, with the identity `~name RS @undo/<number of what it undoes>`, so that
-- matching never meets it. It is leased, retried and buried like any other, and nothing holds it back.

local undoing = {}
--- @private
local CHORE = '@saga'
local URGENT = 1000 -- above every priority of a source, below chores
local KEPT = { x = true, q = true } -- what runs, and what may have acted: both are waited for

--- Nothing starts any more: what is open and does not run leaves. Returns how many.
local function drop_open(ctx)
  local fields, dropped = {}, 0
  for i, identity in ipairs(lexset.range(board.agenda(ctx), '')) do fields[i] = ctx.id .. RS .. identity end
  partition.load(fields)
  for _, field in ipairs(fields) do
    local activation, _, identity = partition.activation(field), codec.split_field(field)
    if activation and not KEPT[activation[STATE]] and not codec.is_undoing(identity) then
      agenda.drop(ctx, identity, activation)
      dropped = dropped + 1
    end
  end
  return dropped
end

--- The board is undone as a whole. One that was going back to a savepoint goes on to its beginning.
function undoing.abort(ctx, by, reason)
  control.dismiss(ctx)
  drop_open(ctx)
  ctx.status, ctx.control, ctx.gate = 'undoing', ctx.control + 1, '-'
  saga.note(ctx, 'undoing', board.event(ctx, 'A', by, 0, reason), 0, '0')
  chores.begin(ctx, CHORE)
end

--- The board goes back to a savepoint: it is paused, and what runs is waited for. To be called before anything else changes.
function undoing.go_back(ctx, by, savepoint, reason)
  local paused = ctx.gate ~= '-'
  control.hold_all(ctx, ctx.mode)
  control.dismiss(ctx)
  ctx.gate, ctx.control = 'p', ctx.control + 1
  saga.note(ctx, 'undoing', board.event(ctx, 'A', by, savepoint, reason), savepoint, paused and '1' or '0')
  if not paused then board.event(ctx, 'Z', by, ctx.control, reason) end
  chores.begin(ctx, CHORE)
  matching.quiesce(ctx, '', 1)
end

--- An activation is dead: if that is fatal, by its source's word or its agent's, everything is undone.
function undoing.died(claim, reason, problem)
  local ctx, identity = claim.board, claim.identity
  if ctx.status ~= 'open' or codec.is_undoing(identity) then return end
  local trigger, name = triggers.source(codec.source(identity)), settling.name(claim)
  if reason == 'aborted' then
    undoing.abort(ctx, name, problem)
  elseif trigger and trigger.ft then
    undoing.abort(ctx, name, name .. ' died: ' .. string.match(problem, '^[^\n]*'))
  end
end

--- Opens the compensation of an activation, unless there is one or was.
function undoing.open(ctx, source, undone)
  local identity = string.format('~%s' .. RS .. '@undo/%d', source, undone)
  if partition.activation(ctx.id .. RS .. identity) or board.fired(ctx, identity) then return end
  local began = saga.facts(ctx).began
  local number = board.event(ctx, 'T', began, identity, 1)
  lexset.put(board.agenda(ctx), identity, true)
  agenda.move(ctx, identity, {
    '-', number, began, 1, URGENT, board.now, 0, 0, 0, 0, '-', 0, 0, 0, 0, 0, 0, '-', 0, 0, 0, 0, 0, 0, '', '', '', '',
  }, 'r')
end

--- Everything that could be was undone, and nobody shall write here any more.
local function abandon(ctx, retention)
  saga.move(ctx, 'aborted')
  closing.drop(ctx, retention)
end

--- The board is where it was at its savepoint, and goes on, unless it was paused before.
local function resume(ctx, by, activation)
  local paused = saga.facts(ctx).paused == '1'
  saga.move(ctx, 'undone')
  chores.done(ctx, CHORE, activation)
  if paused then return end
  if ctx.mode == 'c' then control.free_all(ctx) end
  ctx.gate = '-'
  board.event(ctx, 'Y', by, ctx.control, 'undone')
end

--- Nothing is left to undo. `activation`: the chore, which found that out; `retention`: ms for which the board is kept, if it is
--- over with that.
function undoing.finish(ctx, by, reason, activation, retention)
  local whole = saga.facts(ctx).savepoint == 0
  board.event(ctx, 'J', by, whole and 'aborted' or 'undone', reason)
  if whole then abandon(ctx, retention) else resume(ctx, by, activation) end
end

--- What is left waits for what is dead, and a person for word of it.
function undoing.stick(ctx, by, reason)
  if saga.facts(ctx).state == 'stuck' then return end
  saga.move(ctx, 'stuck')
  board.event(ctx, 'J', by, 'stuck', reason)
end
