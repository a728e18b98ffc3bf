-- The keys and words of one call, the words read from front to back.
--
-- On a server that keeps functions, the parts live as long as their library: whatever a part remembers of one call it
-- forgets when the next begins. What parts keep for longer, within a bound, is true of every call: what a text says.

local function provided() return ipairs, pairs, next, tonumber, type, unpack, pcall end

-- What the language provides, as locals: a global is searched for at every use, in one table after another. (They are fetched
-- when the first call begins: while a library is loaded there are none.)
local ipairs, pairs, next, tonumber, type, unpack, pcall

local arguments = { keys = {} }
local beginnings, call_words, call_at, NONE = {}, {}, 0, {}

-- Whole numbers as text, and text as numbers. To make one of the other is among the costliest things a script does, and most
-- come again: small ones, and the time of a call.
local DIGITS, NUMBERS = {}, {}
local CONVERTED, converted = 4096, 0

local function note_digits(texts, number)
  local text = string.format('%d', number)
  texts[number], converted = text, converted + 1
  return text
end

local function note_number(numbers, text)
  local number = tonumber(text)
  if number then numbers[text], converted = number, converted + 1 end
  return number
end

local function forget_all(map) for key in pairs(map) do map[key] = nil end end

--- Has `forget` run at the beginning of every call.
local function at_beginning(forget) beginnings[#beginnings + 1] = forget end

--- Begins a call.
function arguments.begin(keys, words)
  if not ipairs then
    ipairs, pairs, next, tonumber, type, unpack, pcall = provided()
    setmetatable(DIGITS, { __index = note_digits })
    setmetatable(NUMBERS, { __index = note_number })
  end
  if converted > CONVERTED then
    forget_all(DIGITS)
    forget_all(NUMBERS)
    converted = 0
  end
  arguments.keys, call_words, call_at = keys, words, 0
  for _, forget in ipairs(beginnings) do forget() end
end

function arguments.next()
  call_at = call_at + 1
  return call_words[call_at]
end

function arguments.number()
  call_at = call_at + 1
  return NUMBERS[call_words[call_at]]
end

--- So many words at once.
function arguments.some(count)
  call_at = call_at + count
  return unpack(call_words, call_at - count + 1, call_at)
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
