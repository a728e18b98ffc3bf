-- Guards: what stops a storm. A board on which one trips is paused with everything kept, and says why.
--
-- The common limits come with each post and each commit; every loop goes through one of the two, so the other commands, which may
-- open activations too, need not check. A board's own, higher limits are the fact `raised` (`depth activations alternations
-- wall`) and, for the budget of a source, `b:source`; they are looked up only where a common limit is exceeded. What tripped
-- is the fact `guard` (`guard US limit US reached US source US chain`). A board that is paused trips no guard: nothing runs away.

local guard = {}
--- @private
local DEEP = 32 -- a chain this long may be a loop
local GLANCE, LONGEST_LOOK, CHUNK, MOST_BYTES = 256, 65536, 32, 4194304 -- of the log, to see whether a board makes progress
local PLACES = { depth = 1, activations = 2, alternations = 3, wall = 4, budget = 5 }
local RAISED = '^(%d+) (%d+) (%d+) (%d+)$'
local TO_US = '([^' .. US .. ']*)' .. US
local WRITTEN = '^([PRNX])' .. US .. '%d+' .. US .. TO_US .. TO_US .. '%d+()'
local TRIPPED = '^' .. TO_US .. TO_US .. TO_US .. TO_US .. '(.*)$'
local bounds

at_beginning(function() bounds = nil end)

--- From now on in this call, these limits hold.
function guard.watch(given) bounds = given end

local function fact(ctx, name)
  if ctx.facts and ctx.facts[name] ~= nil then return ctx.facts[name] end
  return redis.call('HGET', ctx.meta, name) or ''
end

--- The limits that this board was given beyond the common ones; 0 where it has none.
local function raised(ctx)
  local found = { string.match(fact(ctx, 'raised'), RAISED) }
  for place = 1, 4 do found[place] = tonumber(found[place]) or 0 end
  return found
end

--- Milliseconds since the board began.
local function age(ctx)
  local first = ctx.happened == ctx.seq and ctx.events and ctx.events[1] or redis.call('LINDEX', ctx.log, 0)
  return board.now - (tonumber(string.match(first or '', US .. '(%d+)')) or board.now)
end

local function as_text(name, value)
  if name == 'wall' then return string.format('%g s', value / 1000) end
  return string.format('%d', value)
end

local function trip(ctx, name, value, limit, number, source)
  local chain = lineage.chain(ctx, number)
  local what = source and name .. ' of ' .. source or name
  board.note(ctx, 'guard', table.concat({
    name, string.format('%d', limit), string.format('%d', value), source or '', chain }, US))
  control.stop(ctx, '@guard', what .. ' ' .. as_text(name, value) .. ' > ' .. as_text(name, limit) .. ': ' .. chain)
end

--- A common limit is exceeded; whether the board's own is, too, decides.
local function weigh(ctx, name, value, limit, number)
  local own = math.max(limit, raised(ctx)[PLACES[name]])
  if value > own then trip(ctx, name, value, own, number) end
end

--- Counts the activations of a source that has a budget.
local function spend(ctx, trigger, number)
  local count = (tonumber(fact(ctx, 'n:' .. trigger.s)) or 0) + 1
  board.note(ctx, 'n:' .. trigger.s, count)
  if count <= trigger.bg or ctx.gate == 'p' then return end
  local own = math.max(trigger.bg, tonumber(fact(ctx, 'b:' .. trigger.s)) or 0)
  if count > own then trip(ctx, 'budget', count, own, number, trigger.s) end
end

--- An activation is opened, by event `number`. It is held like everything after it when a guard trips.
function guard.opened(ctx, trigger, number, depth)
  if trigger.bg then spend(ctx, trigger, number) end
  if not bounds or ctx.gate == 'p' then return end
  if depth > bounds.depth then weigh(ctx, 'depth', depth, bounds.depth, number) end
  if ctx.opened > bounds.activations and ctx.gate ~= 'p' then
    weigh(ctx, 'activations', ctx.opened, bounds.activations, number)
  end
  if bounds.wall > 0 and ctx.gate ~= 'p' and age(ctx) > bounds.wall then
    weigh(ctx, 'wall', age(ctx), bounds.wall, number)
  end
end

-- ---------------------------------------------------------------------------- progress

--- Notes what event `number` wrote, in front of what is known to have been written after it: address, value, and whether a
--- contribution ends there (the writes of one follow each other, by one author).
local function note_write(list, number, text)
  local letter, author, address, at = string.match(text, WRITTEN)
  if not letter then return end
  local n = #list
  list[n + 1] = address
  list[n + 2] = letter == 'X' and '' or string.sub(text, at)
  list[n + 3] = list.number ~= number + 1 or list.author ~= author
  list.number, list.author = number, author
end

--- What the last `span` events wrote, the latest first: address, value, end, address, value, end, …
local function latest_writes(ctx, span)
  local list, bytes, last = {}, 0, ctx.seq - ctx.happened
  for i = ctx.happened, 1, -1 do note_write(list, last + i, ctx.events[i]) end
  local first = math.max(0, ctx.seq - span)
  while last > first and bytes < MOST_BYTES do
    local from = math.max(first, last - CHUNK)
    local texts = redis.call('LRANGE', ctx.log, from, last - 1)
    for i = #texts, 1, -1 do
      bytes = bytes + #texts[i]
      note_write(list, from + i, texts[i])
    end
    last = from
  end
  return list
end

--- How often, in its last `span` events, the board came back to the very state that it is in now. (What they did not write
--- stayed as it was.)
local function returns(ctx, span)
  local list, final, now, astray = latest_writes(ctx, span), {}, {}, 0
  for i = 1, #list, 3 do
    if final[list[i]] == nil then final[list[i]], astray = list[i + 1], astray + 1 end
  end
  local count = -1 -- being there now is no return
  for i = #list - 2, 1, -3 do
    local address, value = list[i], list[i + 1]
    local was, is = now[address] == final[address], value == final[address]
    if was and not is then astray = astray + 1 elseif is and not was then astray = astray - 1 end
    now[address] = value
    if astray == 0 and list[i + 2] then count = count + 1 end
  end
  return count
end

local function is_due(changes, interval)
  for _, change in ipairs(changes) do
    if change.new and change.new.version % interval == 0 then return true end
  end
  return false
end

--- Returns in twice as many events as before, again and again, until there are too many, or the older half adds none: that is
--- soon where a board makes progress.
local function count_returns(ctx, limit)
  local span, count, before = GLANCE, returns(ctx, GLANCE), 0
  while count > before and count <= limit and span < LONGEST_LOOK do
    span, before = 2 * span, count
    count = returns(ctx, span)
  end
  return count
end

--- A contribution was applied, at the end of a chain of so many activations. Every so many versions of an entry the log is asked
--- whether all that was written lately led to where the board was before. (That one entry alternates is no sign: bits that
--- count do that.)
function guard.contributed(ctx, changes, depth)
  if depth < DEEP or not bounds or ctx.gate == 'p' or not changes[1] then return end
  local limit = bounds.alternations
  if not is_due(changes, math.ceil(limit / 2)) then return end
  limit = math.max(limit, raised(ctx)[PLACES.alternations])
  local count = count_returns(ctx, limit)
  if count > limit then trip(ctx, 'alternations', count, limit, ctx.seq) end
end

-- ---------------------------------------------------------------------------- going on

--- Reads the limits that a board is to have of its own from ARGV: `depth, activations, alternations, wall, budget` (0: as it is).
function guard.read()
  local wish = {}
  for place = 1, 5 do wish[place] = arguments.number() end
  return wish
end

--- Why a board that a guard has paused cannot go on under these limits: `tripped, epoch, guard, limit, reached, source, chain`;
--- or nil. (The limit must be said: whoever resumes a board may know other common limits than those who run it.)
function guard.objection(ctx, wish)
  local name, limit, reached, source, chain = string.match(fact(ctx, 'guard'), TRIPPED)
  if not name then return nil end
  local needed = name == 'wall' and age(ctx) or tonumber(reached)
  if wish[PLACES[name]] >= needed then return nil end
  return { 'tripped', ctx.control, name, limit, string.format('%d', needed), source, chain }
end

--- The board goes on, under these limits.
function guard.reset(ctx, wish)
  local name, _, _, source = string.match(fact(ctx, 'guard'), TRIPPED)
  if name then board.note(ctx, 'guard', '') end
  if name == 'budget' then board.note(ctx, 'b:' .. source, wish[PLACES.budget]) end
  local own, changed = raised(ctx), false
  for place = 1, 4 do if wish[place] > 0 then own[place], changed = wish[place], true end end
  if changed then board.note(ctx, 'raised', string.format('%d %d %d %d', unpack(own))) end
end
