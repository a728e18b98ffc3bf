-- One board inside one script call: what was read of it, and what shall be written.
--
-- Nothing is written before `board.flush`: a script first decides everything for all its boards, so that an error
-- in between leaves the store as it was.

local board = {}
--- @private
local BOARD_KEYS, STATES_KEPT = 8, 512
local NO_FACTS = { nil, 0, 0, 0, 0, 0, 0, 0, 'c', '-', 0, 0, 0, 0, 0 }
local TRIGGERED = '^T' .. US .. '%d+' .. US .. '%d+' .. US .. '([^' .. US .. ']*)'
-- What comes after the eighth is missing where a board was written by an earlier release.
local BOARD_STATE = '^(%a+) (%d+) (%d+) (%d+) (%d+) (%d+) (%d+) (%d+) ?([co]?)([-ps]?) ?(%d*) ?(%d*) ?(%d*) ?(%d*) ?(%d*)$'

-- Boards as tables, used again by later calls: filling one is cheaper than making one.
local used_boards = {}

at_beginning(function()
  for _, ctx in ipairs(board.all or NONE) do ctx.cache, ctx.firings, ctx.memory_set, ctx.agenda_set = nil, nil, nil, nil end
  board.all, board.by_id, board.now = {}, {}, 0
end)

--- The table for the next board of this call, without anything of an earlier one.
local function blank(place)
  local ctx = used_boards[place] or {}
  used_boards[place] = ctx
  ctx.cache, ctx.happened, ctx.touched, ctx.events, ctx.changed, ctx.firings = {}, 0, false, false, false, false
  ctx.kinds, ctx.memory_set, ctx.agenda_set, ctx.born, ctx.facts, ctx.saga = false, false, false, false, false, false
  ctx.recorded, ctx.cleared, ctx.rouses = false, false, false
  return ctx
end

-- The facts of boards by their text, as they were read or written last: in the order of the text, the numbers as numbers.
local known_states, states_known = {}, 0

local function keep_state(text, facts)
  if states_known >= STATES_KEPT then known_states, states_known = {}, 0 end
  known_states[text], states_known = facts, states_known + 1
  return facts
end

local function read_state(id, text)
  local known = known_states[text]
  if known then return known end
  local status, seq, busy, closing, floor, rev, count, idle, mode, gate, epoch, unattended, opened, deadline, behind
    = string.match(text, BOARD_STATE)
  if not status then error('the facts of board ' .. id .. ' cannot be read: ' .. text) end
  return keep_state(text, {
    status, NUMBERS[seq], NUMBERS[busy], NUMBERS[closing], NUMBERS[floor], NUMBERS[rev], NUMBERS[count], NUMBERS[idle],
    mode == 'o' and 'o' or 'c', gate ~= '' and gate or '-', NUMBERS[epoch] or 0, NUMBERS[unattended] or 0,
    NUMBERS[opened] or 0, NUMBERS[deadline] or 0, NUMBERS[behind] or 0,
  })
end

--- Opens a board by the text of its state, if it has one, and by its eight keys. `seq` counts events; `busy` and `closing`
--- count the activations that will still do something (`closing`: those of sources that wait for quiescence; `idle`: such
--- ones that wait for their precondition); `floor` is the highest version ever retracted. `mode` is c (choreography) or o
--- (orchestration), `gate` - (open), p (paused) or s (paused after the next decision), `control` the epoch of control,
--- `unattended` the milliseconds after which a board without a controller is choreographed again (0: never). `opened` counts
--- the activations there ever were, `deadline` is the time after which none starts (0: none), `behind` counts the entries of
--- another schema version than their kind is matched by. A board that is not there has no `status`.
local function open(id, text, meta, entries, memory, agenda_key, log, fired, ops, records)
  local facts = text and read_state(id, text) or NO_FACTS
  local ctx = blank(#board.all + 1)
  ctx.id, ctx.meta, ctx.entries, ctx.memory_key, ctx.agenda_key, ctx.log = id, meta, entries, memory, agenda_key, log
  ctx.fired, ctx.ops, ctx.records, ctx.status, ctx.seq = fired, ops, records, facts[1], facts[2]
  ctx.busy, ctx.closing, ctx.floor, ctx.rev, ctx.count, ctx.idle = facts[3], facts[4], facts[5], facts[6], facts[7], facts[8]
  ctx.mode, ctx.gate, ctx.control, ctx.unattended = facts[9], facts[10], facts[11], facts[12]
  ctx.opened, ctx.deadline, ctx.behind = facts[13], facts[14], facts[15]
  board.all[#board.all + 1], board.by_id[id] = ctx, ctx
  return ctx
end

--- The memories of the board's patterns.
function board.memory(ctx)
  if not ctx.memory_set then ctx.memory_set = lexset.new(ctx.memory_key) end
  return ctx.memory_set
end

--- The kinds of which the memory has entries under a mark, in order (`mark US kind US address`).
function board.marked(ctx, mark)
  local stem, set, found = mark .. US, board.memory(ctx), {}
  local from, kinds = '[' .. stem, {}
  repeat
    local row = redis.call('ZRANGEBYLEX', set.key, from, '(' .. stem .. LAST, 'LIMIT', 0, 1)[1]
    local kind = row and string.match(row, '^[^' .. US .. ']*' .. US .. '([^' .. US .. ']*)')
    if kind then kinds[kind], from = true, '(' .. stem .. kind .. US .. LAST end
  until not row
  for member in pairs(set.staged or NONE) do
    if string.sub(member, 1, #stem) == stem then kinds[string.match(member, '^([^' .. US .. ']*)', #stem + 1)] = true end
  end
  for kind in pairs(kinds) do
    if lexset.count(set, stem .. kind .. US) > 0 then found[#found + 1] = kind end
  end
  table.sort(found)
  return found
end

--- The identities of the board's open activations.
function board.agenda(ctx)
  if not ctx.agenda_set then ctx.agenda_set = lexset.new(ctx.agenda_key) end
  return ctx.agenda_set
end

--- Opens the board whose keys start at the key `first`, to be written.
function board.open(id, first)
  return open(id, redis.call('HGET', arguments.keys[first], 'state'), unpack(arguments.keys, first, first + BOARD_KEYS - 1))
end

--- Opens a board only to read it: a claim cannot know beforehand which boards it meets.
function board.view(id)
  if board.by_id[id] then return board.by_id[id] end
  local stem = partition.tag .. 'b:' .. id .. ':'
  local meta = stem .. 'meta'
  return open(id, redis.call('HGET', meta, 'state'), meta, stem .. 'entries', stem .. 'memory', stem .. 'agenda',
    stem .. 'log', stem .. 'fired', stem .. 'ops', stem .. 'records')
end

--- What who steers a board must know of its state: the number of its last event, its gate, the epoch of control.
function board.steering(id, text)
  local facts = text and read_state(id, text) or NO_FACTS
  return facts[2], facts[10], facts[11]
end

--- Opens the boards named in ARGV (`count, id, …`), whose keys follow those of the partition.
function board.open_all()
  local slots = {}
  for slot, id in ipairs(arguments.list()) do
    slots[slot] = board.by_id[id] or board.open(id, PARTITION_KEYS + 1 + (slot - 1) * BOARD_KEYS)
  end
  return slots
end

--- Reads entries into the board's cache with one call.
function board.load(ctx, addresses)
  local wanted = {}
  for _, address in ipairs(addresses) do
    if ctx.cache[address] == nil then wanted[#wanted + 1] = address end
  end
  for first = 1, #wanted, 4000 do
    local last = math.min(first + 3999, #wanted)
    local rows = redis.call('HMGET', ctx.entries, unpack(wanted, first, last))
    for i = first, last do
      local text = rows[i - first + 1]
      ctx.cache[wanted[i]] = text and codec.entry(wanted[i], text) or false
    end
  end
end

--- The entry at an address, or false.
function board.entry(ctx, address)
  local entry = ctx.cache[address]
  if entry == nil then
    local text = redis.call('HGET', ctx.entries, address)
    entry = text and codec.entry(address, text) or false
    ctx.cache[address] = entry
  end
  return entry
end

function board.put(ctx, address, entry)
  ctx.cache[address] = entry
  if not ctx.changed then ctx.changed = {} end
  ctx.changed[address] = true
end

--- What an activation has recorded of itself in one of its places, or false. (0 is its progress; from 1 on, its steps.)
function board.recorded(ctx, source, number, place)
  local field = codec.record(source, number, place)
  local text = ctx.recorded and ctx.recorded[field]
  if text == nil or not ctx.recorded then text = redis.call('HGET', ctx.records, field) end
  return text
end

--- Records something of an activation in one of its places; false forgets what is there.
function board.record(ctx, source, number, place, text)
  if not ctx.recorded then ctx.recorded = {} end
  ctx.recorded[codec.record(source, number, place)], ctx.touched = text, true
end

--- The identity of the activation that an event has triggered; nil when it is none of that kind.
function board.triggered(event) return string.match(event, TRIGGERED) end

--- The identity of the activation of this number, or nil: its number is that of the event that triggered it.
function board.identity(ctx, number)
  local text = redis.call('LINDEX', ctx.log, number - 1)
  return text and board.triggered(text)
end

--- Notes a fact of the board that is not among those that every call needs.
function board.note(ctx, name, value)
  if not ctx.facts then ctx.facts = {} end
  ctx.facts[name], ctx.touched = value, true
end

--- Notes the event that changed a kind last.
function board.note_kind(ctx, kind, seq)
  if not ctx.kinds then ctx.kinds = {} end
  ctx.kinds[kind] = seq
end

--- The event that changed a kind last.
function board.last_of_kind(ctx, kind)
  return ctx.kinds and ctx.kinds[kind] or tonumber(redis.call('HGET', ctx.meta, 'k:' .. kind) or 0)
end

-- How events are written: a letter, the time, then these.
local EVENT_FIELDS = {
  B = '%s', X = '%s %s %d', O = '%d %s %d',
  E = '%s %s %d %d %d %s', D = '%s %s %d %s %s', W = '%s %s %d %s', V = '%s %s %d', C = '%s %s %d %s',
  S = '%s %s %d %d %s', Q = '%s %s %d %d %s', L = '%s %s %d %s', U = '%s %s %d %s', K = '%s %s %d %s',
  A = '%s %d %s', J = '%s %s %s', I = '%s %s', N = '%s %s %d %s %s',
  t = '%s %d %s %s', M = '%s %s %d %s %s', G = '%s %s %d %d %s', Z = '%s %d %s', Y = '%s %d %s', H = '%s %s %s',
}
local formats = {} -- made at first use: while a library is loaded, it has no functions to call

local function event_format(letter)
  formats[letter] = letter .. US .. '%d' .. US .. string.gsub(EVENT_FIELDS[letter], ' ', US)
  return formats[letter]
end

local function written(by, address, version, schema, payload)
  return by .. US .. address .. US .. DIGITS[version] .. US .. schema .. US .. payload
end

-- The same for what every activation writes, for which formatting is too slow.
local EVENT_WRITERS = {
  P = written, R = written,
  T = function(cause, identity, depth) return DIGITS[cause] .. US .. identity .. US .. DIGITS[depth] end,
  F = function(by, identity, number, snapshot, mark, started)
    return by .. US .. identity .. US .. DIGITS[number] .. US .. DIGITS[snapshot] .. US .. DIGITS[mark] .. US .. DIGITS[started]
  end,
}

--- Appends an event and returns its number: its position in the log.
function board.event(ctx, letter, ...)
  local write, text = EVENT_WRITERS[letter]
  if write then
    text = letter .. US .. DIGITS[board.now] .. US .. write(...)
  else
    text = string.format(formats[letter] or event_format(letter), board.now, ...)
  end
  if not ctx.events then ctx.events = { false, false, false, false } end
  ctx.seq, ctx.happened = ctx.seq + 1, ctx.happened + 1
  ctx.events[ctx.happened] = text
  return ctx.seq
end

--- What fired last for an identity, or false.
function board.fired(ctx, identity)
  if not ctx.firings then ctx.firings = {} end
  local fired = ctx.firings[identity]
  if fired == nil then
    local text = redis.call('HGET', ctx.fired, identity)
    fired = text and codec.fired(text) or false
    ctx.firings[identity] = fired
  end
  return fired
end

--- Records that an activation committed with the binding it holds.
function board.fire(ctx, identity, activation)
  if not ctx.firings then ctx.firings = {} end
  ctx.firings[identity] = {
    mark = activation[MARK], own = activation[OWN], new = true,
    token = codec.fired_token(activation[NUMBER], activation[EPOCH], activation[OWNER]),
  }
end

local function flush_entries(ctx)
  local set, removed, n, r = scratch.set, scratch.removed, 0, 0
  for address in pairs(ctx.changed) do
    local entry = ctx.cache[address]
    if entry then
      set[n + 1], set[n + 2], n = address, codec.entry_text(entry), n + 2
    else
      removed[r + 1], r = address, r + 1
    end
  end
  many('HSET', ctx.entries, set, n)
  many('HDEL', ctx.entries, removed, r)
end

local function flush_firings(ctx)
  local set, n = scratch.set, 0
  for identity, fired in pairs(ctx.firings) do
    if fired and fired.new then
      set[n + 1], set[n + 2], n = identity, DIGITS[fired.mark] .. ' ' .. fired.own .. ' ' .. fired.token, n + 2
    end
  end
  many('HSET', ctx.fired, set, n)
end

local function flush_records(ctx)
  local set, removed, n, r = scratch.set, scratch.removed, 0, 0
  for field, text in pairs(ctx.recorded) do
    if text then
      set[n + 1], set[n + 2], n = field, text, n + 2
    else
      removed[r + 1], r = field, r + 1
    end
  end
  many('HSET', ctx.records, set, n)
  many('HDEL', ctx.records, removed, r)
  ctx.recorded = false
end

local function state_text(ctx)
  local T = DIGITS
  local text = ctx.status .. ' ' .. T[ctx.seq] .. ' ' .. T[ctx.busy] .. ' ' .. T[ctx.closing] .. ' ' .. T[ctx.floor] .. ' '
    .. T[ctx.rev] .. ' ' .. T[ctx.count] .. ' ' .. T[ctx.idle] .. ' ' .. ctx.mode .. ctx.gate .. ' ' .. T[ctx.control] .. ' '
    .. T[ctx.unattended] .. ' ' .. T[ctx.opened] .. ' ' .. T[ctx.deadline] .. ' ' .. T[ctx.behind]
  if not known_states[text] then
    keep_state(text, {
      ctx.status, ctx.seq, ctx.busy, ctx.closing, ctx.floor, ctx.rev, ctx.count, ctx.idle, ctx.mode, ctx.gate, ctx.control,
      ctx.unattended, ctx.opened, ctx.deadline, ctx.behind,
    })
  end
  return text
end

local function flush_meta(ctx)
  local set, n = scratch.set, 2
  set[1], set[2] = 'state', state_text(ctx)
  for name, value in pairs(ctx.facts or NONE) do set[n + 1], set[n + 2], n = name, value, n + 2 end
  if ctx.kinds then
    for kind, seq in pairs(ctx.kinds) do set[n + 1], set[n + 2], n = 'k:' .. kind, DIGITS[seq], n + 2 end
  end
  many('HSET', ctx.meta, set, n)
end

local function flush_one(ctx)
  -- The log first: of all writes it is the one that always needs memory, and so is refused, whole, when there is none.
  if ctx.happened > 0 then many('RPUSH', ctx.log, ctx.events, ctx.happened) end
  flush_meta(ctx)
  if ctx.changed then flush_entries(ctx) end
  if ctx.firings then flush_firings(ctx) end
  if ctx.recorded then flush_records(ctx) end
  if ctx.memory_set then lexset.flush(ctx.memory_set) end
  if ctx.agenda_set then lexset.flush(ctx.agenda_set) end
end

--- Writes all boards down, then announces what changed.
function board.flush()
  local changed = {}
  for _, ctx in ipairs(board.all) do
    if ctx.happened > 0 or ctx.touched then flush_one(ctx) end
    if ctx.happened > 0 then changed[#changed + 1] = ctx end
  end
  rumour.tell(changed)
  for _, ctx in ipairs(board.all) do
    ctx.events, ctx.happened, ctx.changed, ctx.kinds, ctx.touched = false, 0, false, false, false
  end
end
