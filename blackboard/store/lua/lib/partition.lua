-- What all boards of a partition share inside one script call: activations, the ready set, timers, leases.
-- Read through and written behind, like the boards.

local partition = {}
local PARTITION_KEYS = 16
-- The first keys of every script, in this order.
local SOURCES, TRIGGERS, ACTIVATIONS, READY, DUE, LEASES, DEAD, BOARDS, CLAIMS, CREWS, ACTS
local SLOTS, GAUGES, ASKED, SCHEMAS, CLOCKS

at_beginning(function()
  SOURCES, TRIGGERS, ACTIVATIONS, READY, DUE, LEASES, DEAD, BOARDS, CLAIMS, CREWS, ACTS,
    SLOTS, GAUGES, ASKED, SCHEMAS, CLOCKS = unpack(arguments.keys, 1, PARTITION_KEYS)
  partition.tag = string.match(SOURCES, '^(.*)sources$')
  partition.restated, partition.written = {}, {}
  partition.activations, partition.changed, partition.awake, partition.known_crews = {}, {}, {}, {}
  partition.ready, partition.due, partition.leases, partition.dead = {}, {}, {}, {}
  partition.asked, partition.clocks = {}, {}
end)

--- The open, running or dead activation of a field (`board RS identity`), or false.
function partition.activation(field)
  local activation = partition.activations[field]
  if activation == nil then
    local text = partition.written[field]
    if text == nil then text = redis.call('HGET', ACTIVATIONS, field) end
    activation = text and codec.activation(text, field) or false
    partition.activations[field] = activation
  end
  return activation
end

--- Reads activations with one call; what this call has written itself, it knows.
function partition.load(fields)
  local wanted, written = {}, partition.written
  for _, field in ipairs(fields) do
    if partition.activations[field] == nil then
      local text = written[field]
      if text == nil then
        wanted[#wanted + 1] = field
      else
        partition.activations[field] = text and codec.activation(text, field)
      end
    end
  end
  for first = 1, #wanted, 4000 do
    local last = math.min(first + 3999, #wanted)
    local rows = redis.call('HMGET', ACTIVATIONS, unpack(wanted, first, last))
    for i = first, last do
      local text = rows[i - first + 1]
      partition.activations[wanted[i]] = text and codec.activation(text, wanted[i]) or false
    end
  end
end

--- Notes that an activation has changed, or is no more (false). `text_of`: what writes it, where its kind has a shorter way.
function partition.put(field, activation, text_of)
  partition.activations[field], partition.changed[field] = activation, text_of or codec.activation_text
end

--- Replaces an activation's text as it is.
function partition.restate(field, text)
  partition.activations[field], partition.restated[field] = nil, text
end

local function flush_restated()
  if next(partition.restated) == nil then return end
  local set, n = scratch.set, 0
  for field, text in pairs(partition.restated) do
    set[n + 1], set[n + 2], n = field, text, n + 2
    partition.written[field] = text
  end
  many('HSET', ACTIVATIONS, set, n)
  partition.restated = {}
end

local function flush_scores(key, staged)
  if next(staged) == nil then return staged end
  local set, removed, n, r = scratch.set, scratch.removed, 0, 0
  for member, score in pairs(staged) do
    if score then
      set[n + 1], set[n + 2], n = DIGITS[score], member, n + 2
    else
      removed[r + 1], r = member, r + 1
    end
  end
  many('ZADD', key, set, n)
  many('ZREM', key, removed, r)
  return {}
end

local function flush_activations()
  if next(partition.changed) == nil then return end
  local set, removed, n, r = scratch.set, scratch.removed, 0, 0
  for field, text_of in pairs(partition.changed) do
    local activation = partition.activations[field]
    if activation then
      set[n + 1], set[n + 2], n = field, text_of(activation), n + 2
    else
      removed[r + 1], r = field, r + 1
    end
  end
  many('HSET', ACTIVATIONS, set, n)
  many('HDEL', ACTIVATIONS, removed, r)
  local written = partition.written
  for i = 1, n, 2 do
    written[set[i]] = set[i + 1]
    codec.keep_activation(set[i], set[i + 1], partition.activations[set[i]])
  end
  for i = 1, r do written[removed[i]] = false end
  partition.changed, partition.activations = {}, {}
end

--- Writes everything down. Who needs an activation afterwards asks for it again.
function partition.flush()
  if partition.flush_limits then partition.flush_limits() end
  flush_activations()
  flush_restated()
  partition.ready = flush_scores(READY, partition.ready)
  partition.due = flush_scores(DUE, partition.due)
  partition.leases = flush_scores(LEASES, partition.leases)
  partition.dead = flush_scores(DEAD, partition.dead)
  partition.asked = flush_scores(ASKED, partition.asked)
  partition.clocks = flush_scores(CLOCKS, partition.clocks)
end

--- Rings one doorbell per crew of workers that runs one of the sources. Advisory: a bell may be refused (it is no
--- declared key); workers look for themselves every second or two.
local function ring(crew)
  local bell = partition.tag .. 'bell:' .. crew
  if redis.pcall('LLEN', bell) == 0 then
    redis.pcall('LPUSH', bell, '1')
    redis.pcall('PEXPIRE', bell, 60000)
  end
end

--- The crews of all workers there are.
local function every_crew()
  local rows, every = redis.call('HGETALL', CREWS), '|'
  for i = 1, #rows, 2 do
    if string.sub(rows[i], 1, 1) ~= '!' then
      for crew in string.gmatch(rows[i + 1], '[^|!]+') do
        if not string.find(every, '|' .. crew .. '|', 1, true) then every = every .. crew .. '|' end
      end
    end
  end
  return every
end

local function know_crews(source, crews)
  if string.sub(crews, 1, 1) == '!' then crews = '' end -- nobody runs a source that is paused
  partition.known_crews[source] = crews
  return crews
end

local function look_up_crews(source)
  if source == '@control' then return '|@control|' end
  if string.byte(source) == 64 and not string.find(source, '/', 1, true) then return every_crew() end -- a chore
  return redis.call('HGET', CREWS, codec.base(source)) or ''
end

--- Reads the crews of several sources with one call.
function partition.load_crews(sources)
  local wanted = {}
  for _, source in ipairs(sources) do
    if not partition.known_crews[source] and codec.is_plain(source) then wanted[#wanted + 1] = source end
  end
  if #wanted < 2 then return end
  local rows = redis.call('HMGET', CREWS, unpack(wanted))
  for i, source in ipairs(wanted) do know_crews(source, rows[i] or '') end
end

--- The crews that run a source, as `|crew|crew|`.
function partition.crews(source)
  local crews = partition.known_crews[source]
  if not crews then
    crews = know_crews(source, look_up_crews(source))
  end
  return crews
end

--- Wakes one idle worker of every crew that runs one of these sources; `but`: the crew that needs no waking.
function partition.wake(sources, but)
  local rung = { [but or ''] = true }
  for source in pairs(sources) do
    for crew in string.gmatch(partition.crews(source), '[^|]+') do
      if not rung[crew] then
        rung[crew] = true
        ring(crew)
      end
    end
  end
end
