-- What a person says of an activation whose outcome is unknown.

local resolving = {}
--- @private

local function said(verdict, reason) return reason == '' and verdict or verdict .. ': ' .. reason end

--- Its action had its effect: it is committed with these writes, as its worker would have done. Returns the answer; anything
--- but 'ok' is a refusal, and nothing was changed.
function resolving.done(ctx, identity, activation, author, reason, writes, bounds)
  contribution.load(ctx, writes)
  local refused = contribution.check(ctx, writes, activation[SNAPSHOT], activation[OWN], bounds, 'undoing')
  if refused then return refused end
  local dirty = activation[DIRTY]
  agenda.move(ctx, identity, activation, 'x')
  activation[OWNER], activation[EPOCH], activation[DIRTY] = author, activation[EPOCH] + 1, dirty
  return committing.commit({
    board = ctx, identity = identity, field = ctx.id .. RS .. identity, number = activation[NUMBER],
    epoch = activation[EPOCH], owner = author, settled = said('resolved: done', reason),
    final = true, part = 0, reads = NONE, kinds = NONE, writes = writes, handoffs = NONE,
  }, bounds)
end

--- It had none: it runs again with fresh attempts, if its trigger still holds.
function resolving.again(ctx, identity, activation, author, reason)
  board.event(ctx, 'U', author, identity, activation[NUMBER], said('resolved: again', reason))
  local trigger = triggers.source(codec.source(identity))
  if trigger then agenda.retune(ctx, identity, activation, trigger) end
  activation[UNSURE], activation[ATTEMPTS], activation[CRASHES], activation[SINCE] = 0, 0, 0, board.now
  agenda.move(ctx, identity, activation, 'r')
  if ctx.status == 'open' then matching.revisit(ctx, identity, ctx.seq, activation[DEPTH]) end
  matching.quiesce(ctx, '', 1)
  return { partition.activation(ctx.id .. RS .. identity) and 'ok' or 'obviated', ctx.seq }
end
