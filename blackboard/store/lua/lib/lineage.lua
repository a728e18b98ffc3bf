-- Lineage: what caused an activation, read backwards in the log, as a chain of sources and entries that people can read.

local lineage = {}
--- @private
local MOST_LINKS = 128 -- of sources and entries together
local ENDS_LOOKED_AT = 32 -- events, for one that a strategy answers
local MOST_SHOWN, SHOWN_WITHOUT_CYCLE, LONGEST_NAME = 32, 8, 60
local WORD = '([^' .. US .. ']*)'
local EVENT = '^(%a)' .. US .. '%d+' .. US .. WORD .. US .. '?' .. WORD .. US .. '?' .. WORD
local ENTRY = { P = true, R = true, N = true, X = true }
local NOBODY = { A = true, B = true, C = true, G = true, I = true, J = true, M = true, Y = true, Z = true }

--- The letter and the first words of an event, whether it is written down yet or not.
local function read(ctx, number)
  local place = number - (ctx.seq - ctx.happened)
  local text = place >= 1 and ctx.events and ctx.events[place] or redis.call('LINDEX', ctx.log, number - 1)
  return string.match(text or '', EVENT)
end

--- A name that is short enough; of text in UTF-8 only whole characters are kept.
local function clipped(name)
  if #name <= LONGEST_NAME then return name end
  return string.gsub(string.sub(name, 1, LONGEST_NAME), '[\192-\255]?[\128-\191]*$', '') .. '…'
end

local function link(walk, name, is_source)
  walk.links[#walk.links + 1] = { board = walk.ctx.id, name = clipped(name), source = is_source and name }
end

--- Goes on at the activation that wrote something: `source#number`, or `board/source#number` from another board. (One in
--- another partition cannot be read: the chain begins with it.)
local function follow(walk, author)
  local id, source, number = string.match(author, '^(.*)/([^/#]+)#(%d+)$')
  if not id then source, number = string.match(author, '^([^/#@][^/#]*)#(%d+)$') end
  walk.number, walk.source = tonumber(number), source
  if id then walk.ctx = board.view(id) end
  return source ~= nil
end

--- Goes on at what a strategy wrote an entry for: an activation that had ended, the last one before.
local function follow_strategy(walk, number)
  for before = number - 1, math.max(1, number - ENDS_LOOKED_AT), -1 do
    local letter, _, identity, ended = read(walk.ctx, before)
    if letter == 'D' or letter == 'F' then
      link(walk, '(strategy)')
      walk.source, walk.number = codec.source(identity), tonumber(ended)
      return true
    end
  end
  return false
end

--- Goes on at what caused an activation. Returns false where the chain began.
local function to_cause(walk, cause)
  for _ = 1, MOST_LINKS do
    local letter, first, second, third = read(walk.ctx, cause)
    if not letter or NOBODY[letter] then return false end
    if ENTRY[letter] then
      link(walk, second)
      if first == '@control' then return follow_strategy(walk, cause) end
      return follow(walk, first)
    elseif letter == 'H' then
      link(walk, '(handoff)')
      return follow(walk, first)
    elseif letter ~= 'T' and letter ~= 'O' then -- something that an activation went through
      walk.source, walk.number = codec.source(second), tonumber(third)
      return true
    end
    cause = tonumber(first) -- an activation came or went with it, and had the same cause
  end
  return false
end

--- Goes from one activation to the one before it. Returns false where the chain began.
local function back(walk)
  local letter, cause, identity = read(walk.ctx, walk.number)
  local known = letter == 'T' and codec.source(identity) == walk.source
  link(walk, walk.source, true)
  if not known then return false end
  local trigger = triggers.source(walk.source)
  if trigger and trigger.q then link(walk, '(quiescence)') end
  return to_cause(walk, tonumber(cause))
end

--- From which link on, counted backwards, the chain repeats itself: the first source that was there before. Or nil.
local function repetition(links)
  local seen = {}
  for i, each in ipairs(links) do
    local who = each.source and each.board .. US .. each.source
    if who and seen[who] then return i end
    if who then seen[who] = true end
  end
  return nil
end

local function in_words(links, from)
  local several, words, at = false, {}, nil
  for i = 1, from do several = several or links[i].board ~= links[1].board end
  for i = from, 1, -1 do
    local each = links[i]
    local here = several and each.board ~= at and clipped(each.board) .. ': ' or ''
    at = each.board
    if from <= MOST_SHOWN or i > from - MOST_SHOWN / 2 or i <= MOST_SHOWN / 2 then
      words[#words + 1] = here .. each.name
    elseif i == from - MOST_SHOWN / 2 then
      words[#words + 1] = '… (' .. from - MOST_SHOWN .. ' more)'
    end
  end
  return table.concat(words, ' → ')
end

local function walk_back(ctx, number)
  local walk = { ctx = ctx, number = number, links = {} }
  local letter, first, identity = read(ctx, number)
  local goes_on = true
  if letter == 'T' then walk.source = codec.source(identity) else goes_on = follow(walk, first) end
  while goes_on and #walk.links < MOST_LINKS do goes_on = back(walk) end
  local links = walk.links
  if #links == 0 then return first end -- a program
  local from = repetition(links)
  if from then return in_words(links, from) end
  if #links <= SHOWN_WITHOUT_CYCLE then return in_words(links, #links) end
  return '… → ' .. in_words(links, SHOWN_WITHOUT_CYCLE)
end

--- The chain that led to event `number` (an activation was triggered, or an activation wrote an entry), its repetition once:
--- `ping → ball → pong → ball → ping`. Reads only; what cannot be read is no reason to fail.
function lineage.chain(ctx, number)
  local ok, chain = pcall(walk_back, ctx, number)
  return ok and chain or 'what led to it cannot be read'
end
