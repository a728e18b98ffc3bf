-- Pausing: how a board begins to be held, by a person, a strategy that cannot be followed, or its deadline.

local pausing = {}

--- Begins a pause: a new epoch, in which nothing is granted yet. One that begins while the board goes back to a savepoint
--- lasts when that is over. Returns how many activations are held, and what runs.
function pausing.begin(ctx, by, reason)
  saga.stay_paused(ctx)
  local moved, running = control.hold_all(ctx, ctx.mode, saga.under_way(ctx))
  ctx.gate, ctx.control = 'p', ctx.control + 1
  board.event(ctx, 'Z', by, ctx.control, reason)
  return moved, running
end
