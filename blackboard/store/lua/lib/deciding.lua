-- Decisions: what a controller's strategy grants, applied once and under the epoch that it was shown.

local deciding = {}
--- @private

--- Reads one decision from ARGV, behind whom it speaks of: `epoch, seen, memo, verdict, wake, reason, standing, grant count,
--- (identity, number, why)…`. Adds the activations that it names to `fields`.
local function read_one(slots, fields)
  local decision = settling.read(slots)
  local epoch, seen, memo, verdict, wake, reason, foreseen, count = arguments.some(8)
  decision.control, decision.seen, decision.memo = NUMBERS[epoch], seen, memo
  decision.verdict, decision.wake, decision.reason, decision.standing = verdict, NUMBERS[wake], reason, foreseen
  local grants, n, stem = {}, #fields + 1, decision.board.id .. RS
  decision.grants, fields[n] = grants, decision.field
  for i = 1, NUMBERS[count] do
    local identity, number, why = arguments.some(3)
    local field = stem .. identity
    grants[i], fields[n + i] = { identity = identity, number = NUMBERS[number], why = why, field = field }, field
  end
  return decision
end

--- Reads the decisions and, with one call, everything they name.
function deciding.read(slots)
  local decisions, fields = {}, {}
  for i = 1, arguments.number() do decisions[i] = read_one(slots, fields) end
  partition.load(fields)
  return decisions
end

--- The first grant of what is not held (any more), or nil.
local function absent(grants)
  for _, grant in ipairs(grants) do
    local activation = partition.activation(grant.field)
    if not activation or activation[STATE] ~= 'u' or activation[NUMBER] ~= grant.number then return grant.identity end
  end
  return nil
end

--- Applies one decision and returns its answer.
function deciding.apply(decision)
  local ctx = decision.board
  local activation, why = settling.held(decision)
  if not activation then
    if control.was_answered(ctx, decision) then return { 'done', ctx.control } end
    return { why == 'lost' and decision.control ~= ctx.control and 'epoch' or why, ctx.control }
  end
  control.spare(ctx)
  if ctx.status ~= 'open' or decision.control ~= ctx.control or ctx.mode ~= 'o' then
    activation[DIRTY] = 1 -- nobody has decided under this epoch
    control.settle(ctx, activation, 0)
    return { ctx.status == 'open' and 'epoch' or 'closed', ctx.control }
  end
  local missing = absent(decision.grants)
  if missing then
    activation[DIRTY] = 1 -- the board has changed since it was shown: look again
    control.settle(ctx, activation, 0)
    return { 'absent', missing }
  end
  activation[MARK] = decision.epoch
  if decision.verdict == 'pause' then pausing.begin(ctx, decision.owner, decision.reason) end
  for _, grant in ipairs(decision.grants) do
    agenda.grant(ctx, grant.field, grant.identity, partition.activation(grant.field), decision.owner, grant.why)
  end
  board.note(ctx, 'memo', decision.memo)
  board.note(ctx, 'seen', decision.seen)
  standing.keep(ctx, decision, activation)
  if ctx.gate == 's' and #decision.grants > 0 then ctx.gate = 'p' end -- one step was asked for
  control.settle(ctx, activation, decision.wake)
  return { 'ok', ctx.seq }
end
