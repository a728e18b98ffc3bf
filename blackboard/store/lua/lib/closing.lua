-- The end of a board.

local closing = {}
--- @private

--- Takes every activation off the agenda, dead ones too. Returns how many.
local function drop_agenda(ctx)
  local fields = {}
  for i, identity in ipairs(lexset.range(board.agenda(ctx), '')) do fields[i] = ctx.id .. RS .. identity end
  for _, field in ipairs(redis.call('ZRANGEBYLEX', DEAD, '[' .. ctx.id .. RS, '(' .. ctx.id .. RS .. LAST)) do
    fields[#fields + 1] = field
  end
  partition.load(fields)
  for _, field in ipairs(fields) do
    local activation, _, identity = partition.activation(field), codec.split_field(field)
    if activation then agenda.leave(ctx, identity, activation) end
  end
  return #fields
end

--- Nothing is left to do on a board that is over: what is on its agenda is dropped, dead ones too, and the clock only looks for
--- the end of its retention. Returns how many activations were dropped.
function closing.drop(ctx, retention)
  local dropped = drop_agenda(ctx)
  chores.drop_all(ctx)
  clocks.drop(ctx)
  clocks.set(ctx, retention > 0 and board.now + retention or 0)
  return dropped
end

--- One rule for all keys of a board.
function closing.expire(ctx, retention)
  if retention <= 0 then return end
  for _, key in ipairs({ ctx.meta, ctx.entries, ctx.memory_key, ctx.agenda_key, ctx.log, ctx.fired, ctx.ops,
    ctx.records }) do
    redis.call('PEXPIRE', key, retention)
  end
end
