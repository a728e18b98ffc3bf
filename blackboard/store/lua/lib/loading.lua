-- Boards that come into the store as what was exported of them.

local loading = {}
--- @private
local PATIENCE = 600000 -- ms after which an import that does not go on is forgotten

local function keep(ctx)
  board.flush()
  closing.expire(ctx, PATIENCE)
  return { 'ok', ctx.seq }
end

--- Begins an import: the board is there for it alone.
function loading.begin(ctx, token)
  local same = ctx.status == 'loading' and redis.call('HGET', ctx.meta, 'load') == token
  if ctx.status and not same then return { 'exists', ctx.status } end
  if not same then ctx.status, ctx.rev = 'loading', triggers.revision() end
  board.note(ctx, 'load', token)
  return keep(ctx)
end

--- An entry as it was, remembered in the memories of the patterns that read it.
local function take_entry(ctx, address, text)
  if board.entry(ctx, address) then return end
  local entry = codec.entry(address, text)
  board.put(ctx, address, entry)
  matching.remember(ctx, { kind = codec.kind(address), address = address, old = false, new = entry })
end

--- Takes a piece.
function loading.take(ctx)
  local entries, fired, records = arguments.list(), arguments.list(), arguments.list()
  local first, events = arguments.number(), arguments.list()
  for i = 1, #entries, 2 do take_entry(ctx, entries[i], entries[i + 1]) end
  ctx.touched = true
  local known = redis.call('LLEN', ctx.log) >= first
  many('HSET', ctx.fired, fired)
  many('HSET', ctx.records, records)
  if not known then many('RPUSH', ctx.log, events) end
  return keep(ctx)
end

function loading.read_header()
  return {
    status = arguments.next(), seq = arguments.number(), floor = arguments.number(), mode = arguments.next(),
    gate = arguments.next(), epoch = arguments.number(), unattended = arguments.number(), opened = arguments.number(),
    deadline = arguments.number(), behind = arguments.number(), created = arguments.number(),
    retention = arguments.number(), facts = arguments.list(), activations = arguments.list(), chores = arguments.list(),
  }
end

--- What has not arrived, or nil.
function loading.missing(ctx, header)
  local events = redis.call('LLEN', ctx.log)
  if events ~= header.seq then return string.format('events: %d of %d', events, header.seq) end
  return nil
end

--- What runs elsewhere cannot run here: it is ready again, and what may have acted outside the board is in doubt.
local function restore(ctx, identity, activation)
  local state, trigger = activation[STATE], triggers.source(codec.source(identity))
  activation[STATE] = '-' -- it counts for nothing yet
  if state == 'D' then
    partition.dead[ctx.id .. RS .. identity] = 0
    return agenda.move(ctx, identity, activation, 'D')
  end
  lexset.put(board.agenda(ctx), identity, true)
  if state == 'x' and trigger and trigger.ex then
    activation[UNSURE] = 1
    agenda.doubt(ctx, identity, activation, '@import', 'it ran when it was exported', '')
  elseif state == 'x' or state == 'u' or state == 'b' or state == 'l' then
    agenda.move(ctx, identity, activation, 'r')
  else
    agenda.move(ctx, identity, activation, state)
  end
end

--- Looks at everything that the sources registered here can bind: the agenda is the conflict set again.
local function reconsider(ctx)
  for _, name in ipairs(redis.call('HKEYS', SOURCES)) do
    local trigger = triggers.source(name)
    if trigger and trigger.rv <= ctx.rev then matching.reconsider(ctx, trigger, ctx.seq) end
  end
  matching.quiesce(ctx, '', 1)
end

--- Everything is there: the board is as it was.
function loading.open(ctx, header, token)
  ctx.status, ctx.seq, ctx.floor = header.status, header.seq, header.floor
  ctx.count, ctx.opened, ctx.behind = redis.call('HLEN', ctx.entries), header.opened, 0
  ctx.mode, ctx.gate, ctx.control, ctx.unattended = header.mode, header.gate, header.epoch, header.unattended
  ctx.deadline = header.deadline
  for i = 1, #header.facts, 2 do board.note(ctx, header.facts[i], header.facts[i + 1]) end
  board.note(ctx, 'load', '')
  board.note(ctx, 'loaded', token)
  if ctx.status ~= 'open' then return end
  for i = 1, #header.activations, 2 do
    restore(ctx, header.activations[i], codec.activation(header.activations[i + 1], ''))
  end
  for _, name in ipairs(header.chores) do chores.begin(ctx, name) end
  -- Which of its entries are of an older shape is for the sources that are registered here to say.
  for _, address in ipairs(redis.call('HKEYS', ctx.entries)) do shapes.meet(ctx, board.entry(ctx, address)) end
  reconsider(ctx)
  local due, following = clocks.due(ctx)
  clocks.set(ctx, due and board.now or following)
  control.arouse(ctx)
end

--- The board is listed, and its keys live as long as those of any other.
function loading.finish(ctx, header)
  redis.call('ZADD', BOARDS, string.format('%d', header.created), ctx.id)
  for _, key in ipairs({ ctx.meta, ctx.entries, ctx.memory_key, ctx.agenda_key, ctx.log, ctx.fired, ctx.ops, ctx.records }) do
    redis.call('PERSIST', key)
  end
  if ctx.status == 'open' then return end
  closing.expire(ctx, header.retention)
  if header.retention > 0 then redis.call('ZADD', CLOCKS, string.format('%d', board.now + header.retention), ctx.id) end
end
