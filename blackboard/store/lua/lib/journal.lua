-- The operations that a board took from outside, with their answers: a repeated one is answered, not done again.

local journal = {}
--- @private
local KEPT = 512

--- The answer to an operation that was done before, or nil.
function journal.recall(ctx, operation)
  local rows = redis.call('ZRANGEBYLEX', ctx.ops, '[' .. operation .. US, '(' .. operation .. US .. LAST)
  if #rows == 0 then return nil end
  local reply = {}
  for part in string.gmatch(string.match(rows[1], US .. '(.*)$'), '[^' .. US .. ']+') do
    reply[#reply + 1] = tonumber(part) or part
  end
  return reply
end

--- Keeps the answer; operation ids sort by time, so the oldest leave first.
function journal.remember(ctx, operation, reply)
  redis.call('ZADD', ctx.ops, 0, operation .. US .. table.concat(reply, US))
  if redis.call('ZCARD', ctx.ops) > KEPT then redis.call('ZREMRANGEBYRANK', ctx.ops, 0, -KEPT - 1) end
end
