-- How a running activation ends: fenced by its number, its epoch and the worker instance that holds the lease.

local settling = {}
--- @private

-- Operations as tables, used again by later calls.
local used_claims, taken = {}, 0

at_beginning(function()
  for i = 1, taken do used_claims[i].writes, used_claims[i].reads, used_claims[i].kinds = NONE, NONE, NONE end
  taken = 0
end)

--- Reads whom an operation speaks of: `board slot, identity, number, epoch, owner`.
function settling.read(boards)
  taken = taken + 1
  local claim = used_claims[taken] or {}
  used_claims[taken] = claim
  local slot, identity, number, epoch, owner = arguments.some(5)
  claim.board, claim.identity, claim.number = boards[NUMBERS[slot]], identity, NUMBERS[number]
  claim.epoch, claim.owner = NUMBERS[epoch], owner
  claim.field = claim.board.id .. RS .. identity
  -- what a commit says besides
  claim.final, claim.part, claim.reads, claim.kinds, claim.writes = true, 0, NONE, NONE, NONE
  claim.handoffs = NONE
  return claim
end

--- The activation when the claim still holds it in a state, or nil.
local function held_in(claim, state)
  local activation = partition.activation(claim.field)
  if activation and activation[STATE] == state and activation[NUMBER] == claim.number
    and activation[EPOCH] == claim.epoch and activation[OWNER] == claim.owner then
    return activation
  end
  return nil
end

--- The activation when the claim holds it to ask for its bid, or nil. Who asks can neither commit nor fail.
function settling.bidding(claim) return held_in(claim, 'b') end

--- The activation when the claim still holds it; else nil and why: `done` when this very claim has committed already,
--- `closed` when the board is, `lost` when the lease went to another.
function settling.held(claim)
  local activation = held_in(claim, 'x')
  if activation then return activation end
  local fired = board.fired(claim.board, claim.identity)
  if fired and fired.token == codec.fired_token(claim.number, claim.epoch, claim.owner) then return nil, 'done' end
  local status = claim.board.status
  return nil, (status == 'closed' or status == 'aborted') and 'closed' or 'lost'
end

--- `decide#17`, as events name their author.
function settling.name(claim) return codec.called(codec.source(claim.identity)) .. '#' .. DIGITS[claim.number] end

--- Looks at an identity again when something concerned it while it ran; then at quiescence, and whether a saga goes on.
function settling.after(claim, dirty, depth)
  local ctx = claim.board
  if dirty and ctx.status == 'open' then matching.revisit(ctx, claim.identity, ctx.seq, depth + 1) end
  matching.quiesce(ctx, claim.identity, depth + 1)
  if ctx.status ~= 'open' or ctx.gate == 'p' then saga.look(ctx) end
end
