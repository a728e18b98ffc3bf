-- What leaves the store when a board is exported.

local exporting = {}
--- @private
-- Facts that mean nothing elsewhere.
local OF_ITS_PLACE = { state = true, cleared = true, load = true, loaded = true, standing = true }

--- The facts of a board that are worth keeping.
function exporting.facts(ctx)
  local rows, kept = redis.call('HGETALL', ctx.meta), {}
  for i = 1, #rows, 2 do
    if not OF_ITS_PLACE[rows[i]] then kept[#kept + 1], kept[#kept + 2] = rows[i], rows[i + 1] end
  end
  return kept
end

--- The activations of a board, open or dead.
function exporting.activations(ctx)
  local identities, rows = lexset.range(board.agenda(ctx), ''), {}
  for _, field in ipairs(redis.call('ZRANGEBYLEX', DEAD, '[' .. ctx.id .. RS, '(' .. ctx.id .. RS .. LAST)) do
    local _, identity = codec.split_field(field)
    identities[#identities + 1] = identity
  end
  for _, identity in ipairs(identities) do
    local text = redis.call('HGET', ACTIVATIONS, ctx.id .. RS .. identity)
    if text then rows[#rows + 1], rows[#rows + 2] = identity, text end
  end
  return rows
end
