-- How a running activation ends: fenced by its number, its epoch and the worker instance that holds the lease.

local settling = {}

--- Reads whom an operation speaks of: `board slot, identity, number, epoch, owner`.
function settling.read(boards)
  local ctx, identity = boards[arguments.number()], arguments.next()
  return {
    board = ctx, identity = identity, field = ctx.id .. RS .. identity, number = arguments.number(),
    epoch = arguments.number(), owner = arguments.next(),
    -- what a commit says besides
    final = true, part = 0, reads = NONE, kinds = NONE, writes = NONE,
  }
end

--- The activation when the claim still holds it; else nil and why: `done` when this very claim has committed already,
--- `closed` when the board is, `lost` when the lease went to another.
function settling.held(claim)
  local activation = partition.activation(claim.field)
  if activation and activation.state == 'x' and activation.number == claim.number
    and activation.epoch == claim.epoch and activation.owner == claim.owner then
    return activation
  end
  local fired = board.fired(claim.board, claim.identity)
  if fired and fired.token == codec.fired_token(claim) then return nil, 'done' end
  return nil, claim.board.status == 'closed' and 'closed' or 'lost'
end

--- `decide#17`, as events name their author.
function settling.name(claim) return string.format('%s#%d', codec.source(claim.identity), claim.number) end

--- Looks at an identity again when something concerned it while it ran; then at quiescence.
function settling.after(claim, dirty, depth)
  local ctx = claim.board
  if dirty and ctx.status == 'open' then matching.revisit(ctx, claim.identity, ctx.seq, depth + 1) end
  matching.quiesce(ctx, claim.identity, depth + 1)
end
