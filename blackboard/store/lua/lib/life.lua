-- How a board comes to be.

local life = {}
--- @private

at_beginning(function() life.born = nil end)

--- Reads what a new board begins with from ARGV: `strategy (JSON, '': none), its name, ms until its deadline (0: none), what
--- that does ('pause' or 'close'), ms of disuse that close it (0: none)`.
function life.read()
  return {
    strategy = arguments.next(), name = arguments.next(), deadline = arguments.number(), overdue = arguments.next(),
    idle = arguments.number(),
  }
end

--- Creates the board when it is new: it is matched against every source registered so far. With `led`, the default
--- strategy orchestrates it from its first moment on.
function life.begin(ctx, by, defaults, led)
  if ctx.status then return end
  ctx.status, ctx.rev = 'open', triggers.revision()
  board.event(ctx, 'B', by)
  life.born, ctx.born = ctx, true
  clocks.begin(ctx, defaults)
  if led and defaults.strategy ~= '' then
    control.orchestrate(ctx, by, defaults.strategy, defaults.name, 'the default of its blackboard', 0)
  end
end

--- Lists a new board among the boards of the partition, by the time of its birth.
function life.flush()
  if life.born then redis.call('ZADD', BOARDS, string.format('%d', board.now), life.born.id) end
end
