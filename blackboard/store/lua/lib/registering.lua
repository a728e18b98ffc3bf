-- The registry: `sources` holds every source's card, `triggers` what matching reads.
--
-- Fields of `triggers`: a kind, `?quiescent`, `?beginning` and `@source` hold JSON lists of triggers; `#source` the kinds a
-- source is listed under; `?revision` the number of registrations, `?stamp` that and the time of the last.

local registering = {}
--- @private

--- The trigger with the revision it was registered under, as JSON text.
local function stamped(trigger, revision) return '{"rv":' .. revision .. ',' .. string.sub(trigger, 2) end

--- Whether the stored trigger is this one, whatever its revision.
local function registered(name, trigger)
  local stored = redis.call('HGET', TRIGGERS, '@' .. name)
  if not stored then return false end
  return string.match(stored, '^%[{"rv":%d+,(.*)%]$') == string.sub(trigger, 2)
end

--- Lists the triggers of a kind anew: every source but the changed ones as it was, then the changed ones by name.
local function relist(kind, changed)
  local names, texts = {}, {}
  for _, trigger in ipairs(triggers.of(kind)) do names[trigger.s] = '@' end
  for name, card in pairs(changed) do
    names[name] = nil
    for _, listed in ipairs(card.kinds) do if listed == kind then names[name] = card.stamped end end
  end
  local order = {}
  for name in pairs(names) do order[#order + 1] = name end
  table.sort(order)
  for i, name in ipairs(order) do
    local text = names[name]
    if text == '@' then text = string.sub(redis.call('HGET', TRIGGERS, '@' .. name), 2, -2) end
    texts[i] = text
  end
  return '[' .. table.concat(texts, ',') .. ']'
end

--- Whether a trigger can hold on a board without entries: it is looked at when the board begins.
local function holds_from_the_start(trigger)
  for _, pattern in ipairs(trigger.p or {}) do
    if pattern.m == 'e' or pattern.n then return false end
  end
  return trigger.c ~= nil and not trigger.q
end

--- The kinds that a card's trigger is listed under.
local function kinds_of(card)
  local kinds = { unpack(card.kinds) }
  if holds_from_the_start(cjson.decode(card.trigger)) then kinds[#kinds + 1] = triggers.BEGINNING end
  return kinds
end

local function join_crew(crew, cards)
  if crew == '' then return end
  local crews = {}
  for _, card in ipairs(cards) do
    local known = redis.call('HGET', CREWS, card.name) or suspending.is_off(card.name) and '!|' or '|'
    if not string.find(known, '|' .. crew .. '|', 1, true) then
      crews[#crews + 1], crews[#crews + 2] = card.name, known .. crew .. '|'
    end
  end
  many('HSET', CREWS, crews)
end

function registering.register(crew, cards)
  local revision, changed, kinds, reply, stored = triggers.revision(), {}, {}, {}, {}
  for _, card in ipairs(cards) do
    stored[#stored + 1], stored[#stored + 2] = card.name, card.card
    if not registered(card.name, card.trigger) then
      changed[card.name], reply[#reply + 1] = card, card.name
      card.kinds = kinds_of(card)
      card.stamped = stamped(card.trigger, revision + 1)
      for _, kind in ipairs(card.kinds) do kinds[kind] = true end
      local before = redis.call('HGET', TRIGGERS, '#' .. card.name) or ''
      for kind in string.gmatch(before, '[^' .. US .. ']+') do kinds[kind] = true end
    end
  end
  if #reply > 0 then revision = revision + 1 end
  local set = { '?revision', revision }
  if #reply > 0 then
    local time = redis.call('TIME')
    set[3], set[4] = '?stamp', revision .. ':' .. time[1] .. '.' .. time[2]
  end
  for kind in pairs(kinds) do set[#set + 1], set[#set + 2] = kind, relist(kind, changed) end
  for name, card in pairs(changed) do
    set[#set + 1], set[#set + 2] = '@' .. name, '[' .. card.stamped .. ']'
    set[#set + 1], set[#set + 2] = '#' .. name, table.concat(card.kinds, US)
  end
  for name, card in pairs(changed) do
    if not cjson.decode(card.trigger).bk then redis.call('HDEL', GAUGES, 'b' .. US .. name) end
  end
  many('HSET', SOURCES, stored)
  many('HSET', TRIGGERS, set)
  join_crew(crew, cards)
  return { revision, unpack(reply) }
end
