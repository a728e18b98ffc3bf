-- Sagas: whether a board is being undone, as its facts say it, and who is told when that can go on.
--
-- A board is undone as a whole (its status is `undoing` or `stuck`, in the end `aborted`), or back to a savepoint (it stays
-- open, and is paused meanwhile). The field `saga` of its facts is that of the latest: `state, the event that began it, its
-- savepoint (0: as a whole), whether the board was paused before`. What is to be undone, and in which order, a worker reads
-- from the log: the chore `@saga`.

local saga = {}
--- @private
local CHORE, FACTS = '@saga', '^(%a+) (%d+) (%d+) ([01])$'
local GOES_ON = { undoing = true, stuck = true }

--- The latest saga of a board as {state, event that began it, savepoint, paused before}, or nil.
function saga.facts(ctx)
  if not ctx.saga then
    local text = redis.call('HGET', ctx.meta, 'saga')
    local state, began, savepoint, paused = string.match(text or '', FACTS)
    ctx.saga = { state = state, began = tonumber(began), savepoint = tonumber(savepoint), paused = paused }
  end
  return ctx.saga.state and ctx.saga or nil
end

function saga.note(ctx, state, began, savepoint, paused)
  ctx.saga = { state = state, began = began, savepoint = savepoint, paused = paused }
  board.note(ctx, 'saga', string.format('%s %d %d %s', state, began, savepoint, paused))
end

--- Whether a board is being undone. One that is neither finished nor paused is not, which nothing has to be read for.
function saga.under_way(ctx)
  if GOES_ON[ctx.status] then return true end
  if ctx.status ~= 'open' or ctx.gate ~= 'p' then return false end
  local facts = saga.facts(ctx)
  return facts ~= nil and GOES_ON[facts.state] == true
end

--- The same board, in another state.
function saga.move(ctx, state)
  local facts = saga.facts(ctx)
  if facts.savepoint == 0 then ctx.status = state end
  saga.note(ctx, state, facts.began, facts.savepoint, facts.paused)
end

--- A board that goes back to a savepoint is paused by somebody else as well, and stays so afterwards. Returns whether that is
--- news.
function saga.stay_paused(ctx)
  local facts = saga.under_way(ctx) and saga.facts(ctx)
  if not facts or facts.savepoint == 0 or facts.paused == '1' then return false end
  saga.note(ctx, facts.state, facts.began, facts.savepoint, '1')
  return true
end

--- Something has ended: what a saga waited for may have been that.
function saga.look(ctx)
  if saga.under_way(ctx) then chores.begin(ctx, CHORE) end
end

--- A person has settled what a saga was stuck at, or may have been.
function saga.go_on(ctx)
  if saga.facts(ctx).state == 'stuck' then saga.move(ctx, 'undoing') end
  chores.begin(ctx, CHORE)
end
