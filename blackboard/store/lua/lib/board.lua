-- One board inside one script call: what was read of it, and what shall be written.
--
-- Nothing is written before `board.flush`: a script first decides everything for all its boards, so that an error
-- in between leaves the store as it was.

local BOARD_KEYS = 7
local STATE = '^(%a+) (%d+) (%d+) (%d+) (%d+) (%d+) (%d+) (%d+)$'
local board = {}

at_beginning(function() board.all, board.by_id, board.now = {}, {}, 0 end)

--- Opens a board by its seven keys. `seq` counts events; `busy` and `closing` count the activations that will still do
--- something (`closing`: those of sources that wait for quiescence; `idle`: such ones that wait for their precondition);
--- `floor` is the highest version ever retracted.
local function open(id, meta, entries, memory, agenda_key, log, fired, ops)
  local state = redis.call('HGET', meta, 'state')
  local status, seq, busy, closing, floor, rev, count, idle = string.match(state or '', STATE)
  if state and not status then error('the facts of board ' .. id .. ' cannot be read: ' .. state) end
  local ctx = {
    id = id, meta = meta, entries = entries, log = log, fired = fired, ops = ops,
    memory = lexset.new(memory), agenda = lexset.new(agenda_key),
    status = status, seq = tonumber(seq or 0), busy = tonumber(busy or 0), closing = tonumber(closing or 0),
    floor = tonumber(floor or 0), rev = tonumber(rev or 0), count = tonumber(count or 0), idle = tonumber(idle or 0),
    cache = {}, changed = {}, firings = {}, events = {}, kinds = {}, touched = false,
  }
  board.all[#board.all + 1], board.by_id[id] = ctx, ctx
  return ctx
end

--- Opens the board whose keys start at the key `first`, to be written.
function board.open(id, first) return open(id, unpack(arguments.keys, first, first + BOARD_KEYS - 1)) end

--- Opens a board only to read it (a claim cannot know beforehand which boards it meets).
function board.view(id)
  if board.by_id[id] then return board.by_id[id] end
  local stem = partition.tag .. 'b:' .. id .. ':'
  return open(id, stem .. 'meta', stem .. 'entries', stem .. 'memory', stem .. 'agenda', stem .. 'log', stem .. 'fired',
    stem .. 'ops')
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
  ctx.cache[address], ctx.changed[address] = entry, true
end

--- Appends an event and returns its number: its position in the log.
function board.event(ctx, ...)
  ctx.seq = ctx.seq + 1
  ctx.events[#ctx.events + 1] = table.concat({ ... }, US)
  return ctx.seq
end

--- What fired last for an identity, or false.
function board.fired(ctx, identity)
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
  ctx.firings[identity] = {
    mark = activation.mark, own = activation.own, token = codec.fired_token(activation), new = true,
  }
end

local function flush_entries(ctx)
  if next(ctx.changed) == nil then return end
  local set, removed = {}, {}
  for address in pairs(ctx.changed) do
    local entry = ctx.cache[address]
    if entry then
      set[#set + 1], set[#set + 2] = address, codec.entry_text(entry)
    else
      removed[#removed + 1] = address
    end
  end
  many('HSET', ctx.entries, set)
  many('HDEL', ctx.entries, removed)
end

local function flush_firings(ctx)
  local set = {}
  for identity, fired in pairs(ctx.firings) do
    if fired and fired.new then
      set[#set + 1], set[#set + 2] = identity, string.format('%d %s ', fired.mark, fired.own) .. fired.token
    end
  end
  many('HSET', ctx.fired, set)
end

local function flush_one(ctx)
  many('RPUSH', ctx.log, ctx.events) -- first of all writes, and one that needs memory: refused whole when there is none
  local meta = {
    'state', string.format('%s %d %d %d %d %d %d %d', ctx.status, ctx.seq, ctx.busy, ctx.closing, ctx.floor, ctx.rev,
      ctx.count, ctx.idle),
  }
  if ctx.cleared then meta[#meta + 1], meta[#meta + 2] = 'cleared', ctx.cleared end
  for kind, seq in pairs(ctx.kinds) do meta[#meta + 1], meta[#meta + 2] = 'k:' .. kind, string.format('%d', seq) end
  many('HSET', ctx.meta, meta)
  flush_entries(ctx)
  flush_firings(ctx)
  lexset.flush(ctx.memory)
  lexset.flush(ctx.agenda)
end

--- Writes all boards down, then tells whoever watches them (advisory).
function board.flush()
  for _, ctx in ipairs(board.all) do
    if #ctx.events > 0 or ctx.touched then flush_one(ctx) end
  end
  for _, ctx in ipairs(board.all) do
    if #ctx.events > 0 then redis.pcall('PUBLISH', partition.tag .. 'b:' .. ctx.id .. ':log', ctx.seq) end
    ctx.events, ctx.changed, ctx.kinds, ctx.touched = {}, {}, {}, false
  end
end
