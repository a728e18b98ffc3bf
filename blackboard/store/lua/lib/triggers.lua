-- The registered triggers, indexed by the kinds they concern; decoded once per script call.

local triggers = { cache = {} }
local QUIESCENT, REVISION = '?quiescent', '?revision'

local function decode(field)
  local found = triggers.cache[field]
  if found == nil then
    local text = redis.call('HGET', TRIGGERS, field)
    found = text and cjson.decode(text) or {}
    triggers.cache[field] = found
  end
  return found
end

--- The triggers that a change of an entry of this kind can concern.
function triggers.of(kind) return decode(kind) end

--- The triggers that fire at quiescence.
function triggers.quiescent() return decode(QUIESCENT) end

--- The trigger of a source, or nil when it is not registered.
function triggers.source(name) return decode('@' .. name)[1] end

--- The number of registrations so far; a board remembers up to which it was matched.
function triggers.revision() return tonumber(redis.call('HGET', TRIGGERS, REVISION) or 0) end
