-- How a board comes to be.

local life = {}
--- @private

at_beginning(function() life.born = nil end)

--- Creates the board when it is new: it is matched against every source registered so far. `strategy` (JSON, and `name`)
--- orchestrates it from its first moment on.
function life.begin(ctx, by, strategy, name)
  if ctx.status then return end
  ctx.status, ctx.rev = 'open', triggers.revision()
  board.event(ctx, 'B', by)
  life.born, ctx.born = ctx, true
  if strategy and strategy ~= '' then control.orchestrate(ctx, by, strategy, name, 'the default of its blackboard', 0) end
end

--- Lists a new board among the boards of the partition, by the time of its birth.
function life.flush()
  if life.born then redis.call('ZADD', BOARDS, string.format('%d', board.now), life.born.id) end
end
