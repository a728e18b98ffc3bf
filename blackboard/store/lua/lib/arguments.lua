-- ARGV, read from front to back.

local arguments = { at = 0 }

function arguments.next()
  arguments.at = arguments.at + 1
  return ARGV[arguments.at]
end

function arguments.number() return tonumber(arguments.next()) end

--- A list with its length in front.
function arguments.list()
  local list = {}
  for i = 1, arguments.number() do list[i] = arguments.next() end
  return list
end

--- The time in milliseconds: given by a test, or the server's, read once.
function arguments.now()
  local given = arguments.next()
  if given ~= '' then return tonumber(given) end
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end
