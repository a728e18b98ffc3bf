-- The keys and words of one call, the words read from front to back.
--
-- On a server that keeps functions, the parts live as long as their library: whatever a part remembers of one call it
-- forgets when the next begins.

local arguments = { keys = {} }
local beginnings, call_words, call_at, NONE = {}, {}, 0, {}

--- Has `forget` run at the beginning of every call.
local function at_beginning(forget) beginnings[#beginnings + 1] = forget end

--- Begins a call.
function arguments.begin(keys, words)
  arguments.keys, call_words, call_at = keys, words, 0
  for _, forget in ipairs(beginnings) do forget() end
end

function arguments.next()
  call_at = call_at + 1
  return call_words[call_at]
end

function arguments.number()
  call_at = call_at + 1
  return tonumber(call_words[call_at])
end

--- A list with its length in front. (The empty one is always the same: nobody adds to what was read. And `unpack` fails
--- from 8,000 values.)
function arguments.list()
  local length = arguments.number()
  if length == 0 then return NONE end
  if length > 4000 then
    local list = {}
    for i = 1, length do list[i] = arguments.next() end
    return list
  end
  call_at = call_at + length
  return { unpack(call_words, call_at - length + 1, call_at) }
end

--- The time in milliseconds: given by a test, or the server's, read once.
function arguments.now()
  local given = arguments.next()
  if given ~= '' then return tonumber(given) end
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end
