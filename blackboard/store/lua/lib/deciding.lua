-- Decisions: what a controller's strategy grants, applied once and under the epoch that it was shown.

local deciding = {}
--- @private

--- Reads one decision from ARGV, behind whom it speaks of: `epoch, seen, memo, verdict, wake, reason, grant count,
--- (identity, number, why)…`.
local function read_one(slots)
  local decision = settling.read(slots)
  decision.control, decision.seen, decision.memo = arguments.number(), arguments.number(), arguments.next()
  decision.verdict, decision.wake, decision.reason = arguments.next(), arguments.number(), arguments.next()
  decision.grants = {}
  for i = 1, arguments.number() do
    decision.grants[i] = { identity = arguments.next(), number = arguments.number(), why = arguments.next() }
  end
  return decision
end

--- Reads the decisions and, with one call, everything they name.
function deciding.read(slots)
  local decisions, fields = {}, {}
  for i = 1, arguments.number() do
    decisions[i] = read_one(slots)
    fields[#fields + 1] = decisions[i].field
    for _, grant in ipairs(decisions[i].grants) do fields[#fields + 1] = decisions[i].board.id .. RS .. grant.identity end
  end
  partition.load(fields)
  return decisions
end

--- The first grant of what is not held (any more), or nil.
local function absent(ctx, grants)
  for _, grant in ipairs(grants) do
    local activation = partition.activation(ctx.id .. RS .. grant.identity)
    if not activation or activation[STATE] ~= 'u' or activation[NUMBER] ~= grant.number then return grant.identity end
  end
  return nil
end

--- Grants one held activation: it may start under this epoch.
function deciding.grant(ctx, grant, activation, by)
  board.event(ctx, 'G', by, grant.identity, activation[NUMBER], ctx.control, grant.why)
  activation[GRANTED] = ctx.control
  agenda.move(ctx, grant.identity, activation, 'r')
end

--- Begins a pause: a new epoch, in which nothing is granted yet. One that begins while the board goes back to a savepoint
--- lasts when that is over. Returns how many activations are held, and what runs.
function deciding.pause(ctx, by, reason)
  saga.stay_paused(ctx)
  local moved, running = control.hold_all(ctx, ctx.mode, saga.under_way(ctx))
  ctx.gate, ctx.control = 'p', ctx.control + 1
  board.event(ctx, 'Z', by, ctx.control, reason)
  return moved, running
end

--- Applies one decision and returns its answer.
function deciding.apply(decision)
  local ctx = decision.board
  local activation, why = settling.held(decision)
  if not activation then return { why == 'lost' and decision.control ~= ctx.control and 'epoch' or why, ctx.control } end
  control.spare(ctx)
  if ctx.status ~= 'open' or decision.control ~= ctx.control or ctx.mode ~= 'o' then
    activation[DIRTY] = 1 -- nobody has decided under this epoch
    control.settle(ctx, activation, 0)
    return { ctx.status == 'open' and 'epoch' or 'closed', ctx.control }
  end
  local missing = absent(ctx, decision.grants)
  if missing then
    activation[DIRTY] = 1 -- the board has changed since it was shown: look again
    control.settle(ctx, activation, 0)
    return { 'absent', missing }
  end
  board.fire(ctx, decision.identity, activation)
  if decision.verdict == 'pause' then deciding.pause(ctx, decision.owner, decision.reason) end
  for _, grant in ipairs(decision.grants) do
    deciding.grant(ctx, grant, partition.activation(ctx.id .. RS .. grant.identity), decision.owner)
  end
  board.note(ctx, 'memo', decision.memo)
  board.note(ctx, 'seen', decision.seen)
  if ctx.gate == 's' and #decision.grants > 0 then ctx.gate = 'p' end -- one step was asked for
  control.settle(ctx, activation, decision.wake)
  return { 'ok', ctx.seq }
end
