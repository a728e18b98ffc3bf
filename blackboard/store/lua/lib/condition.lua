-- Conditions on the fields of an entry, as data: {op, path, constant}. The same semantics as blackboard/condition.py.

local condition = {}
--- @private

--- The entry's payload, decoded once and only when a condition asks for a field. What is no object, since somebody has written
--- it by hand, has no fields.
function condition.document(entry)
  if not entry.document then
    local found = cjson.decode(entry.payload)
    entry.document = type(found) == 'table' and found or {}
  end
  return entry.document
end

--- The value at a path (`"f"` or `{"f", "g"}`), nil when missing or null.
function condition.value(entry, path)
  local value = condition.document(entry)
  if type(path) == 'string' then
    value = value[path]
  else
    for _, name in ipairs(path) do
      if type(value) ~= 'table' then return nil end
      value = value[name]
    end
  end
  if value == cjson.null then return nil end
  return value
end

local function equal(a, b)
  if type(a) ~= type(b) then return false end
  if type(a) ~= 'table' then return a == b end
  for key, value in pairs(a) do if not equal(value, b[key]) then return false end end
  for key in pairs(b) do if a[key] == nil then return false end end
  return true
end

--- Whether one text comes before another by its bytes. (`<` would ask the server's locale.)
local function text_before(a, b)
  local at = 1
  while at <= #a and string.byte(a, at) == string.byte(b, at) do at = at + 1 end
  return (string.byte(a, at) or -1) < (string.byte(b, at) or -1)
end

--- Whether two values have an order, and the first comes before the second.
local function precedes(a, b)
  if type(a) == 'number' and type(b) == 'number' then return a < b end
  return type(a) == 'string' and type(b) == 'string' and text_before(a, b)
end

local function ordered(a, b) return type(a) == type(b) and (type(a) == 'number' or type(a) == 'string') end

local function contains(a, b)
  if type(a) == 'string' then return type(b) == 'string' and string.find(a, b, 1, true) ~= nil end
  if type(a) ~= 'table' then return false end
  for _, item in ipairs(a) do if equal(item, b) then return true end end
  return false
end

local operators = {
  ['=='] = function(a, b) return a ~= nil and equal(a, b) end,
  ['!='] = function(a, b) return a == nil or not equal(a, b) end,
  ['<'] = function(a, b) return precedes(a, b) end,
  ['<='] = function(a, b) return precedes(a, b) or ordered(a, b) and a == b end,
  ['>'] = function(a, b) return precedes(b, a) end,
  ['>='] = function(a, b) return precedes(b, a) or ordered(a, b) and a == b end,
  ['in'] = function(a, b) return a ~= nil and contains(b, a) end,
  ['has'] = function(a, b) return contains(a, b) end,
  ['pre'] = function(a, b) return type(a) == 'string' and string.sub(a, 1, #b) == b end,
  ['nil'] = function(a) return a == nil end,
  ['some'] = function(a) return a ~= nil end,
}

function condition.compare(op, a, b) return operators[op](a, b) end

--- Whether an entry passes every test of a pattern.
function condition.passes(entry, tests)
  if not tests then return true end
  for _, test in ipairs(tests) do
    if not operators[test[1]](condition.value(entry, test[2]), test[3]) then return false end
  end
  return true
end

--- Whether two field values join: null joins nothing.
function condition.joins(a, b) return a ~= nil and b ~= nil and type(a) ~= 'table' and a == b end

--- A scalar as text without separators, equal for equal values: the index of a memory.
function condition.token(value)
  local kind = type(value)
  if kind == 'string' then
    return 's' .. string.gsub(value, '[%c\\]', function(c) return string.format('\\%03d', string.byte(c)) end)
  elseif kind == 'number' then
    return 'n' .. string.format('%.17g', value + 0) -- minus zero is zero
  elseif kind == 'boolean' then
    return value and 'b1' or 'b0'
  end
  return 'z'
end
