-- The registered triggers, indexed by the kinds they concern.
--
-- They are decoded once per registration where the library lives on between calls, else once per call. A registration has
-- a stamp (its revision and its time), so that a namespace that was deleted and made anew is never taken for the old one.

local triggers = { BEGINNING = '?beginning' }
--- @private
local AT_QUIESCENCE, STAMP = '?quiescent', '?stamp'
local NAMESPACES = 16 -- whose triggers are kept decoded
local memory = { namespaces = {}, size = 0 }
local current

at_beginning(function() current = nil end)

--- The decoded triggers of this namespace, as far as they were asked for.
local function decoded()
  if current then return current end
  local stamp = redis.call('HGET', TRIGGERS, STAMP) or ''
  current = memory.namespaces[TRIGGERS]
  if current and current.stamp == stamp then return current end
  if memory.size >= NAMESPACES then memory = { namespaces = {}, size = 0 } end
  if stamp ~= '' and not memory.namespaces[TRIGGERS] then memory.size = memory.size + 1 end
  current = { stamp = stamp, fields = {}, sources = {} }
  if stamp ~= '' then memory.namespaces[TRIGGERS] = current end
  return current
end

--- Notes what can be known of a trigger once: `alone`, it binds one entry and has no join, so that an entry is an identity;
--- `single`, it has no other pattern; `plain`, nothing but that entry decides whether it holds; `limited`, claims look at the
--- limits of its source; `shaped`, it knows a kind that has had an earlier schema version.
local function study(trigger)
  local each, patterns = 0, trigger.p or {}
  for _, pattern in ipairs(patterns) do
    if pattern.m == 'e' then each = each + 1 end
    trigger.shaped = trigger.shaped or pattern.v ~= nil
  end
  for _, counted in ipairs(trigger.c or NONE) do trigger.shaped = trigger.shaped or counted.v ~= nil end
  trigger.alone = each == 1 and trigger.rf ~= 'o'
  trigger.single = trigger.alone and #patterns == 1
  trigger.limited = (trigger.cn or trigger.rl or trigger.bk or trigger.fr) ~= nil
  trigger.plain = trigger.single and not (trigger.c or trigger.w or trigger.wk or trigger.q or trigger.od)
end

--- Notes what can be known of all triggers of a kind: whether they are `plain`, the `memories` they read, and the `newest`
--- schema version that one of them binds or counts (`current` as text; nil when they only ask preconditions again).
local function study_kind(found, kind)
  local seen = { [kind] = true }
  found.plain, found.memories = true, { { k = kind, a = kind } }
  local function note(pattern)
    if pattern.k == kind then found.newest = math.max(found.newest or 1, tonumber(pattern.v or 1)) end
    if pattern.u or pattern.k ~= kind or seen[pattern.a] then return end
    seen[pattern.a], found.memories[#found.memories + 1] = true, pattern
  end
  for _, trigger in ipairs(found) do
    found.plain = found.plain and trigger.plain
    for _, pattern in ipairs(trigger.p or {}) do note(pattern) end
    for _, counted in ipairs(trigger.c or {}) do note(counted) end
  end
  found.current = found.newest and string.format('%d', found.newest)
end

local function decode(field)
  local known = decoded()
  local fields = known.fields
  local found = fields[field]
  if found == nil then
    local text = redis.call('HGET', TRIGGERS, field)
    found = text and cjson.decode(text) or {}
    for _, trigger in ipairs(found) do
      study(trigger)
      known.sources[trigger.s] = trigger
    end
    study_kind(found, field)
    fields[field] = found
  end
  return found
end

--- The triggers that a change of an entry of this kind can concern.
function triggers.of(kind) return current and current.fields[kind] or decode(kind) end

--- The triggers that fire at quiescence.
function triggers.quiescent() return decode(AT_QUIESCENCE) end

--- The triggers that can hold on a board without entries.
function triggers.beginning() return decode(triggers.BEGINNING) end

--- The trigger of a source, or nil when it is not registered.
function triggers.source(name)
  local known = (current or decoded()).sources
  local trigger = known[name]
  if trigger == nil then
    trigger = decode('@' .. name)[1] or false
    known[name] = trigger
  end
  return trigger or nil
end

--- Boards take turns with what is ready of a fair source. (What is no source's has no trigger to ask.)
function codec.takes_turns(source)
  local trigger = current and current.sources[source]
  if trigger == nil and string.byte(source) ~= 64 then trigger = triggers.source(source) end
  return trigger and trigger.fr
end

--- The trigger whose policies hold for an activation of a source, or nil.
function triggers.policies(name) return decode('@' .. codec.base(name))[1] end

--- The number of registrations so far; a board remembers up to which it was matched.
function triggers.revision() return tonumber(string.match(decoded().stamp, '^%d+') or 0) end
