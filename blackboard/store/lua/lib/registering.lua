-- The registry: `sources` holds every source's card, `triggers` what matching reads.
--
-- Fields of `triggers`: a kind, `?quiescent`, `?beginning` and `@source` hold JSON lists of triggers; `#source` the kinds a
-- source is listed under; `%kind` the newest schema version that a trigger of the kind ever had (from 2 on); `?revision`
-- the number of registrations, `?stamp` that and the time of the last.
--
-- Releases run side by side: a source stays with the release that knows the newest versions of its kinds. An older one is not
-- registered over it, and its workers do not get it. A trigger that reads a kind in an older version than another one does is
-- outdated (`od`): it cannot be told what it says, until a newer release of its source comes.

local registering = {}
--- @private

--- The trigger with the revision it was registered under, as JSON text.
local function stamped(trigger, revision) return '{"rv":' .. revision .. ',' .. string.sub(trigger, 2) end

local STAMPED = '^%[{"rv":(%d+),(.*)%]$'

--- The stored trigger of a source without its revision, and that; nil when it is not registered.
local function stored_trigger(name)
  local stored = redis.call('HGET', TRIGGERS, '@' .. name)
  if not stored then return nil end
  local revision, rest = string.match(stored, STAMPED)
  return string.gsub(rest, '^"od":1,', ''), revision
end

--- Whether the stored trigger is this one, whatever its revision.
local function registered(name, trigger) return stored_trigger(name) == string.sub(trigger, 2) end

local function newest(kind) return tonumber(redis.call('HGET', TRIGGERS, '%' .. kind) or 1) end

--- The version in which a trigger reads each kind whose fields, or whose entries, it is given.
local function read_versions(trigger)
  local versions = {}
  for _, pattern in ipairs(trigger.p or {}) do versions[pattern.k] = tonumber(pattern.v or 1) end
  for _, counted in ipairs(trigger.c or {}) do
    if counted.t or counted.j then versions[counted.k] = tonumber(counted.v or 1) end
  end
  return versions
end

--- The version of every kind that a source reads or writes, by its card.
local function card_versions(text)
  local card, versions = cjson.decode(text or '{}'), {}
  for _, kinds in ipairs({ card.reads or NONE, card.writes or NONE }) do
    for _, each in ipairs(kinds) do versions[each.kind] = each.version end
  end
  return versions
end

--- Whether a release that knows newer versions has this source, or reads its kinds.
local function is_older(card)
  for kind, version in pairs(card.known) do if (card.versions[kind] or version) < version then return true end end
  for kind, version in pairs(read_versions(card.data)) do if version < newest(kind) then return true end end
  return false
end

--- Whether a source knows newer versions of its kinds than when it was registered before.
local function outgrows(card)
  for kind, version in pairs(card.known) do if (card.versions[kind] or version) > version then return true end end
  return false
end

--- The kinds of which these cards have a newer version than any trigger before, with that version.
local function raised(cards)
  local found = {}
  for _, card in ipairs(cards) do
    for kind, version in pairs(read_versions(card.data)) do
      if version > math.max(newest(kind), found[kind] or 1) then found[kind] = version end
    end
  end
  return found
end

local function listed_under(name)
  local kinds = {}
  for kind in string.gmatch(redis.call('HGET', TRIGGERS, '#' .. name) or '', '[^' .. US .. ']+') do kinds[#kinds + 1] = kind end
  return kinds
end

--- Marks the triggers that read a raised kind in an older version: `changed` gets them as they are to be stored.
local function outdate(kinds, changed)
  for kind, version in pairs(kinds) do
    for _, trigger in ipairs(triggers.of(kind)) do
      if not changed[trigger.s] and not trigger.od and (read_versions(trigger)[kind] or version) < version then
        local text, revision = stored_trigger(trigger.s)
        changed[trigger.s] = { kinds = listed_under(trigger.s), stamped = '{"rv":' .. revision .. ',"od":1,' .. text }
      end
    end
  end
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
  if holds_from_the_start(card.data) then kinds[#kinds + 1] = triggers.BEGINNING end
  return kinds
end

--- The workers of a crew run these sources from now on: alone, where they outgrow what was there.
local function join_crew(crew, cards, kinds)
  local crews, joining = {}, crew ~= '' and crew .. '|' or ''
  local function join(name, alone)
    local stored = redis.call('HGET', CREWS, name)
    local known = stored or suspending.is_off(name) and '!|' or '|'
    if alone then known = string.match(known, '^!?') .. '|' end
    if not string.find(known, '|' .. joining, 1, true) then known = known .. joining end
    if known ~= (stored or '|') then crews[#crews + 1], crews[#crews + 2] = name, known end
  end
  local brings = {}
  for _, card in ipairs(cards) do
    join(card.name, card.outgrows)
    for kind, version in pairs(read_versions(card.data)) do
      if version > 1 and version >= (kinds[kind] or newest(kind)) then brings[kind] = true end
    end
  end
  for kind in pairs(brings) do join('@shape/' .. kind, kinds[kind] ~= nil) end
  many('HSET', CREWS, crews)
end

--- The cards that this release may register: the others are left to a newer one.
local function admitted(cards)
  local list = {}
  for _, card in ipairs(cards) do
    card.data, card.versions = cjson.decode(card.trigger), card_versions(card.card)
    card.known = card_versions(redis.call('HGET', SOURCES, card.name) or nil)
    if not is_older(card) then
      card.outgrows = outgrows(card)
      list[#list + 1] = card
    end
  end
  return list
end

function registering.register(crew, cards)
  cards = admitted(cards)
  local raise = raised(cards)
  local revision, changed, kinds, reply, stored = triggers.revision(), {}, {}, {}, {}
  for _, card in ipairs(cards) do
    stored[#stored + 1], stored[#stored + 2] = card.name, card.card
    if card.outgrows or not registered(card.name, card.trigger) then
      changed[card.name], reply[#reply + 1] = card, card.name
      card.kinds = kinds_of(card)
      card.stamped = stamped(card.trigger, revision + 1)
      for _, kind in ipairs(listed_under(card.name)) do kinds[kind] = true end
    end
  end
  outdate(raise, changed)
  for _, card in pairs(changed) do for _, kind in ipairs(card.kinds) do kinds[kind] = true end end
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
    if card.trigger and not cjson.decode(card.trigger).bk then redis.call('HDEL', GAUGES, 'b' .. US .. name) end
  end
  for kind, version in pairs(raise) do set[#set + 1], set[#set + 2] = '%' .. kind, version end
  join_crew(crew, cards, raise) -- first, since it reads what is written below
  many('HSET', SOURCES, stored)
  many('HSET', TRIGGERS, set)
  return { revision, unpack(reply) }
end

--- Forgets all but the trigger of a source, if that is still this one.
function registering.forget(source, trigger)
  if not registered(source, trigger) then return 'again' end
  redis.call('HDEL', CREWS, source, '!' .. source)
  redis.call('HDEL', GAUGES, 'r' .. US .. source, 'b' .. US .. source, 'f' .. US .. source)
  redis.call('HDEL', SOURCES, source) -- last: as long as its card is there, it can be unregistered again
  return 'ok'
end
