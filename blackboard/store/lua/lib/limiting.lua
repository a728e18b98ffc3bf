-- Limits of a source: how many of its activations run at once, how fast they start, and a breaker that lets none start.
--
-- What counts against a number at once has a TOKEN, the value that its limit goes by (`*` where all of a source count together),
-- and one member of `slots` by its state: it runs (x), it waits for its turn (l), or it was called up and keeps its place until
-- it is claimed (r). A set and no counter, so that it cannot drift. Where all count together nothing waits in `slots`: a claim
-- picks no more than there are places. Where each value counts for itself, a claim that finds no place has the activation wait,
-- so that what is blocked is looked at once, and stands in nobody's way; whoever gives up a place calls up the next.
--
-- `gauges` keeps of a source: `r` what its rate has spent, `b` its breaker (missing: closed, and the last run was good), `f` the
-- board that had the last turn.

local limiting = {}
--- @private
local WHOLE, BREAKS = '*', '@breaker'
local CALLED = 128 -- called up for one value in one call
local ACTS_KEPT = 1000
local BREAKER, SPENT = '^(%d+) (%d+) (%d+) (%d+) (.*)$', '^(%d+) (%d+) (%d+)$'
local TAIL, PRIORITY_OF, BOARD_OF = '^.*' .. US .. '(.*)$', '^([^' .. US .. ']*' .. US .. ')', '^[^' .. RS .. ']*'
local staged, freed, gauges, acts

at_beginning(function() staged, freed, gauges, acts, limiting.soonest = nil, nil, nil, nil, nil end)

-- ---------------------------------------------------------------------------- slots

local function stem_of(state, source, token) return state .. US .. source .. US .. token .. US end

--- Notes that a member comes or goes.
local function stage(stem, member, present)
  staged = staged or {}
  local group = staged[stem] or { net = 0, members = {} }
  staged[stem], group.net = group, group.net + (present and 1 or -1)
  if group.members[member] == nil then
    group.members[member] = present
  else
    group.members[member] = nil -- back to what the store holds
  end
end

local function count(stem)
  local group = staged and staged[stem]
  return redis.call('ZLEXCOUNT', SLOTS, '[' .. stem, '(' .. stem .. LAST) + (group and group.net or 0)
end

--- Notes that an activation has its place, or has it no more. What waits stands in the order in which it would be ready; when
--- it goes, in whichever of the two, since its source may have been registered anew.
local function stage_place(field, source, activation, present)
  local stem, fair = stem_of(activation[STATE], source, activation[TOKEN]), codec.takes_turns(source)
  if activation[STATE] ~= 'l' then return stage(stem, stem .. field, present) end
  local priority, rating_now, since = activation[PRIORITY], activation[RATING], activation[SINCE]
  stage(stem, stem .. string.sub(codec.row(field, source, priority, rating_now, since, fair), #source + 2), present)
  if present then return end
  stage(stem, stem .. string.sub(codec.row(field, source, priority, rating_now, since, not fair), #source + 2), false)
end

--- The first member of a stem from `low` on, before `high`.
local function first_of(stem, low, high)
  local group, offset, found = staged and staged[stem], 0, nil
  local members = group and group.members or NONE
  repeat
    local rows = redis.call('ZRANGEBYLEX', SLOTS, '[' .. low, '(' .. high, 'LIMIT', offset, 16)
    for i = 1, #rows do
      if members[rows[i]] ~= false then
        found = rows[i]
        break
      end
    end
    offset = offset + 16
  until found or #rows < 16
  for row, present in pairs(members) do
    if present and row >= low and row < high and (not found or row < found) then found = row end
  end
  return found
end

--- What waits for a value and is next: the first; of a fair source the first of the board after `id`, which gave up the place.
local function next_in_line(stem, source, id)
  local first = first_of(stem, stem, stem .. LAST)
  if not first or not codec.takes_turns(source) then return first end
  local boards = stem .. string.match(string.sub(first, #stem + 1), PRIORITY_OF) .. '='
  return first_of(stem, boards .. id .. US .. LAST, boards .. LAST) or first
end

--- Calls up what waits for a value, as many as there are places.
local function call_up(source, token, id)
  local trigger, waiting = triggers.source(source), stem_of('l', source, token)
  local limit = trigger and trigger.cp and trigger.cn
  local places = limit and limit - count(stem_of('x', source, token)) - count(stem_of('r', source, token)) or CALLED
  while places > 0 do
    local row = next_in_line(waiting, source, id)
    if not row then return end
    stage(waiting, row, false)
    local field = string.match(row, TAIL)
    local activation = partition.activation(field)
    if activation and activation[STATE] == 'l' and activation[TOKEN] == token then
      activation[STATE], activation[TOKEN] = 'r', limit and token or ''
      if limit then stage_place(field, source, activation, true) end
      partition.ready[codec.ready(field, source, activation)] = 0
      partition.awake[source] = true
      partition.put(field, activation)
      places, id = places - 1, string.match(field, BOARD_OF)
    end
  end
end

--- Places that were given up go on, before anything is written. Workers hear of it where all places of a source were taken.
function limiting.settle()
  local list = freed or NONE
  freed = nil
  for _, each in pairs(list) do
    local source, token, id, places = each[1], each[2], each[3], each[4]
    local trigger = triggers.source(source)
    if token ~= WHOLE then
      call_up(source, token, id)
    elseif count(stem_of('x', source, token)) + places >= (trigger and trigger.cn or 0) then
      partition.awake[source] = true
    end
  end
end

--- An activation has its place no more; who waits for it is called up before this call ends.
local function give_up(field, source, activation)
  stage_place(field, source, activation, false)
  if activation[STATE] == 'l' then return end
  freed = freed or {}
  local name = source .. US .. activation[TOKEN]
  local before = freed[name]
  freed[name] = { source, activation[TOKEN], string.match(field, BOARD_OF), (before and before[4] or 0) + 1 }
end

-- ---------------------------------------------------------------------------- gauges

local function gauge(letter, source)
  local name = letter .. US .. source
  gauges = gauges or { known = {}, changed = {} }
  if gauges.known[name] == nil then gauges.known[name] = redis.call('HGET', GAUGES, name) or false end
  return gauges.known[name]
end

--- Writes a gauge down, or with false forgets it.
local function set_gauge(letter, source, text)
  local name = letter .. US .. source
  gauges = gauges or { known = {}, changed = {} }
  gauges.known[name], gauges.changed[name] = text, true
end

--- What a limit lets start later it lets start in so many milliseconds.
local function sooner(wait) limiting.soonest = math.min(limiting.soonest or wait, math.max(1, wait)) end

local function set_spent(trigger, debt)
  set_gauge('r', trigger.s, string.format('%d %d %d', debt, board.now, trigger.rl[2]))
end

--- What a rate has spent and not got back, in `per`-ths of a start: whole numbers, so that nothing is lost to rounding.
local function spent(trigger)
  local starts, per, burst = trigger.rl[1], trigger.rl[2], trigger.rl[3]
  local debt, at, was = string.match(gauge('r', trigger.s) or '', SPENT)
  if not debt then return 0 end
  debt = tonumber(debt)
  if tonumber(was) ~= per then debt = math.ceil(debt * per / was) end
  debt = math.min(math.max(0, debt - math.max(0, board.now - tonumber(at)) * starts), burst * per)
  if tonumber(at) > board.now then set_spent(trigger, debt) end -- the clock was set back: it counts from here
  return debt
end

--- How many starts a rate allows now.
local function affordable(trigger)
  local per, burst, debt = trigger.rl[2], trigger.rl[3], spent(trigger)
  local starts = math.floor((burst * per - debt) / per)
  if starts < 1 then sooner(math.ceil((debt - (burst - 1) * per) / trigger.rl[1])) end
  return starts
end

--- A source's breaker, unless it is closed and the last run was good: the failures in a row, until when it is open (0: closed),
--- since when, how often it has opened, and which activation probes.
local function breaker(source)
  local text = gauge('b', source)
  if not text then return nil end
  local failures, till, since, times, probe = string.match(text, BREAKER)
  return {
    failures = tonumber(failures), till = tonumber(till), since = tonumber(since), times = tonumber(times), probe = probe,
  }
end

local function set_breaker(source, found)
  local facts = string.format('%d %d %d %d ', found.failures, found.till, found.since, found.times)
  set_gauge('b', source, facts .. found.probe)
end

--- How many the breaker lets start now: when it has been open for its time, one that probes.
local function let_through(trigger)
  local found = breaker(trigger.s)
  if not found or found.till == 0 then return math.huge end
  if board.now >= found.till then return found.probe == '' and 1 or 0 end
  sooner(found.till - board.now)
  return 0
end

local function note_act(what, source, by, reason)
  acts = acts or {}
  acts[#acts + 1] = what .. US .. source .. US .. string.format('%d', board.now) .. US .. by .. US .. reason
end

-- ---------------------------------------------------------------------------- what claims ask

--- How many of a source may start now, as far as that is one number.
function limiting.allowance(trigger)
  local places = math.huge
  if trigger.cn and not trigger.cp then places = trigger.cn - count(stem_of('x', trigger.s, WHOLE)) end
  if trigger.rl and places > 0 then places = math.min(places, affordable(trigger)) end
  if trigger.bk and places > 0 then places = math.min(places, let_through(trigger)) end
  return places
end

--- The board that had the last turn.
function limiting.last_turn(source) return gauge('f', source) or '' end

--- Gives what was picked its place, as one that runs; or has it wait and answers false. `token`: its value, if each counts for
--- itself and it has one.
function limiting.admit(field, trigger, activation, token)
  local source = trigger.s
  if not trigger.cp then token = trigger.cn and WHOLE end
  if token and activation[TOKEN] == token then -- it was called up
    stage_place(field, source, activation, false)
  else
    limiting.leave(field, source, activation)
  end
  local is_full = token and token ~= WHOLE and activation[TOKEN] == ''
    and count(stem_of('x', source, token)) + count(stem_of('r', source, token)) >= trigger.cn
  activation[STATE], activation[TOKEN] = is_full and 'l' or 'x', token or ''
  if token then stage_place(field, source, activation, true) end
  if is_full then partition.put(field, activation) end
  return not is_full
end

--- An activation was handed out to be run.
function limiting.start(field, trigger)
  local source, found = trigger.s, trigger.bk and breaker(trigger.s)
  if trigger.rl then set_spent(trigger, spent(trigger) + trigger.rl[2]) end
  if trigger.fr then set_gauge('f', source, string.match(field, BOARD_OF)) end
  if found and found.till > 0 then
    found.probe = field
    set_breaker(source, found)
  end
end

-- ---------------------------------------------------------------------------- what becomes of a run

--- An activation is no more what it was: it gives up its place, whichever that is, and probes no more.
function limiting.leave(field, source, activation)
  if activation[STATE] == 'x' then
    local trigger = triggers.source(source)
    local found = trigger and trigger.bk and breaker(source)
    if found and found.probe == field then
      found.probe, partition.awake[source] = '', true
      set_breaker(source, found)
    end
  end
  if activation[TOKEN] == '' then return end
  give_up(field, source, activation)
  activation[TOKEN] = ''
end

--- Which run it was, and where.
local function run_name(field, source, activation)
  return string.format('%s#%d on %s', source, activation[NUMBER], string.match(field, BOARD_OF))
end

--- A run was good: failures are in a row no more, and a probe closes the breaker.
function limiting.succeed(field, source, activation)
  local trigger = triggers.source(source)
  local found = trigger and trigger.bk and breaker(source)
  if not found or found.till > 0 and found.probe ~= field then return end -- what began before it opened says nothing of now
  if found.till > 0 then
    partition.awake[source] = true
    note_act('closed', source, BREAKS, run_name(field, source, activation) .. ' was good')
  end
  set_gauge('b', source, false)
end

--- A run failed: one too many in a row opens the breaker, and so does a probe.
function limiting.fail(field, source, activation)
  local trigger = triggers.source(source)
  if not (trigger and trigger.bk) then return end
  local found = breaker(source) or { failures = 0, till = 0, since = 0, times = 0, probe = '' }
  if found.till > 0 and found.probe ~= field then return end
  found.failures = found.failures + 1
  if found.till > 0 or found.failures >= trigger.bk[1] then
    if found.till == 0 then
      found.since = board.now
      local reason = string.format('failures in a row: %d; the last: ', found.failures)
      note_act('opened', source, BREAKS, reason .. run_name(field, source, activation))
    end
    found.till, found.times, found.probe = board.now + trigger.bk[2], found.times + 1, ''
    partition.awake[source] = true -- who sleeps must learn when to look
  end
  set_breaker(source, found)
end

--- A person or a program closes the breaker. Returns whether there was anything to forget.
function limiting.reset(source, by, reason)
  local found = breaker(source)
  if not found then return false end
  if found.till > 0 then note_act('closed', source, by, reason) end
  set_gauge('b', source, false)
  partition.awake[source] = true
  return true
end

-- ---------------------------------------------------------------------------- registration

--- Its source was registered anew: what runs counts as it would were it claimed now.
function limiting.recount(field, source, activation, token)
  if activation[TOKEN] == token then return end
  if activation[TOKEN] ~= '' then give_up(field, source, activation) end
  activation[TOKEN] = token
  if token ~= '' then stage_place(field, source, activation, true) end
  partition.put(field, activation)
end

--- The same for what is ready: it stands in the order that its source has now.
function limiting.reorder(field, source, activation)
  local fair = codec.takes_turns(source)
  local facts = { activation[PRIORITY], activation[RATING], activation[SINCE] }
  partition.ready[codec.row(field, source, facts[1], facts[2], facts[3], not fair)] = false
  partition.ready[codec.row(field, source, facts[1], facts[2], facts[3], fair)] = 0
  partition.awake[source] = true
end

-- ---------------------------------------------------------------------------- writing

local function flush_slots()
  local added, removed, a, r = scratch.set, scratch.removed, 0, 0
  for _, group in pairs(staged) do
    for member, present in pairs(group.members) do
      if present then
        added[a + 1], added[a + 2], a = '0', member, a + 2
      else
        removed[r + 1], r = member, r + 1
      end
    end
  end
  many('ZADD', SLOTS, added, a)
  many('ZREM', SLOTS, removed, r)
  staged = nil
end

local function flush_gauges()
  local set, removed, n, r = scratch.set, scratch.removed, 0, 0
  for name in pairs(gauges.changed) do
    local text = gauges.known[name]
    if text then
      set[n + 1], set[n + 2], n = name, text, n + 2
    else
      removed[r + 1], r = name, r + 1
    end
  end
  many('HSET', GAUGES, set, n)
  many('HDEL', GAUGES, removed, r)
  gauges.changed = {}
end

--- Written with the partition, before it: what is called up is ready then.
function partition.flush_limits()
  limiting.settle()
  if staged then flush_slots() end
  if gauges then flush_gauges() end
  if not acts then return end
  many('RPUSH', ACTS, acts)
  redis.call('LTRIM', ACTS, -ACTS_KEPT, -1)
  acts = nil
end
