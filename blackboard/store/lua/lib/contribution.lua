-- Contributions: posts, revisions and retractions, checked first and then applied together.
--
-- Every write says what it expects to find at its address:
--   n ≥ 1  this version       -1  anything       -2  nothing, or the same payload
--   -3     nothing newer than the author's snapshot

local contribution = {}
--- @private
local ANYTHING, NEW, NO_NEWER = -1, -2, -3

--- Reads writes from ARGV: `address, expected, schema, payload`; an empty schema retracts.
function contribution.read()
  local writes = {}
  for i = 1, arguments.number() do
    local address, expected, schema, payload = arguments.some(4)
    writes[i] = { address = address, expected = NUMBERS[expected], schema = schema, payload = payload }
  end
  return writes
end

--- Whether nothing is posted or revised: that begins no board.
function contribution.only_retracts(writes)
  for _, write in ipairs(writes) do if write.schema ~= '' then return false end end
  return true
end

--- The answer to a contribution that found nothing to retract.
function contribution.nothing(writes)
  local answer = { 'ok', 0 }
  for i = 1, #writes do answer[i + 2] = 0 end
  return answer
end

function contribution.load(ctx, writes)
  if #writes == 1 then return board.entry(ctx, writes[1].address) end
  local addresses = {}
  for i, write in ipairs(writes) do addresses[i] = write.address end
  board.load(ctx, addresses)
end

--- Adds the activations that writes may open or arouse: each is looked for.
function contribution.foresee(ctx, writes, fields)
  if ctx.mode == 'o' then fields[#fields + 1] = control.field(ctx) end
  for _, write in ipairs(writes) do
    for _, trigger in ipairs(triggers.of(codec.kind(write.address))) do
      if trigger.plain then fields[#fields + 1] = ctx.id .. RS .. trigger.s .. RS .. write.address end
    end
  end
end

--- Why a write cannot be, as {code, address, version found}, or nil.
local function objection(write, entry, snapshot, own)
  local found, expected = entry and entry.version or 0, write.expected
  if entry and write.schema ~= entry.schema and write.schema ~= '' and tonumber(write.schema) < tonumber(entry.schema) then
    return { 'newer', write.address, tonumber(entry.schema), tonumber(write.schema) }
  end
  if expected == ANYTHING then return nil end
  if expected >= 0 then
    if found ~= expected then return { entry and 'version' or 'gone', write.address, found } end
  elseif entry and write.schema ~= '' and entry.payload == write.payload then
    return nil
  elseif expected == NEW then
    if entry then return { 'exists', write.address, found } end
  elseif expected == NO_NEWER and entry and entry.seq > snapshot and not codec.is_own(own, entry.seq) then
    return { 'version', write.address, found }
  end
  return nil
end

--- Checks a whole contribution against the board: nil, or why it is refused. `own`: events that the author wrote itself
--- after its snapshot; `also`: in which status the board takes it besides.
function contribution.check(ctx, writes, snapshot, own, bounds, also)
  if ctx.status ~= 'open' and ctx.status ~= also then return { 'closed', ctx.status, 0 } end
  local added = 0
  for _, write in ipairs(writes) do
    local entry = board.entry(ctx, write.address)
    local refused = objection(write, entry, snapshot, own)
    if refused then return refused end
    if #write.payload > bounds.bytes then return { 'overloaded', 'entry_bytes', bounds.bytes, #write.payload } end
    if write.schema ~= '' and not entry then added = added + 1 end
  end
  local active = ctx.busy + ctx.closing
  if #writes > bounds.writes then return { 'overloaded', 'writes', bounds.writes, #writes } end
  if added > 0 and ctx.count + added > bounds.entries then
    return { 'overloaded', 'entries', bounds.entries, ctx.count + added }
  end
  if #writes > 0 and active > bounds.open then return { 'overloaded', 'open_activations', bounds.open, active } end
  return nil
end

local function retract(ctx, write, old, by)
  if not old then return nil end
  local seq = board.event(ctx, 'X', by, write.address, old.version)
  ctx.floor, ctx.count = math.max(ctx.floor, old.version), ctx.count - 1
  board.put(ctx, write.address, false)
  return { address = write.address, kind = codec.kind(write.address), old = old, new = false, seq = seq }
end

--- The same data in a newer shape: the entry keeps its version and its place in the order of events, since it is no news.
function contribution.reshape(ctx, old, schema, payload, by)
  board.event(ctx, 'N', by, old.address, old.version, schema, payload)
  local entry = {
    address = old.address, version = old.version, seq = old.seq, depth = old.depth, schema = schema, payload = payload,
  }
  board.put(ctx, old.address, entry)
  return { address = old.address, kind = codec.kind(old.address), old = old, new = entry, seq = old.seq, reshaped = true }
end

local function put(ctx, write, old, by, depth)
  if old and old.payload == write.payload then
    return old.schema ~= write.schema and contribution.reshape(ctx, old, write.schema, write.payload, by) or nil
  end
  local version = (old and old.version or ctx.floor) + 1
  local seq = board.event(ctx, old and 'R' or 'P', by, write.address, version, write.schema, write.payload)
  local entry = {
    address = write.address, version = version, seq = seq, depth = depth, schema = write.schema, payload = write.payload,
  }
  if not old then ctx.count = ctx.count + 1 end
  board.put(ctx, write.address, entry)
  return { address = write.address, kind = codec.kind(write.address), old = old, new = entry, seq = seq }
end

--- Several writes at one address are one change, from what was there before to what is there now.
local function merged(changes)
  if #changes < 2 then return changes end
  local list, by_address = {}, {}
  for _, change in ipairs(changes) do
    local known = by_address[change.address]
    if known then
      known.new, known.seq, known.reshaped = change.new, change.seq, known.reshaped and change.reshaped
    else
      by_address[change.address], list[#list + 1] = change, change
    end
  end
  if #list == #changes then return changes end
  local left = {}
  for _, change in ipairs(list) do if change.old or change.new then left[#left + 1] = change end end
  return left
end

--- The answer to a contribution. (`unpack` fails from 8,000 values.)
function contribution.answer(ctx, versions)
  local answer = { 'ok', ctx.seq }
  for i, version in ipairs(versions) do answer[i + 2] = version end
  return answer
end

--- Applies a checked contribution. Returns the changes (a write that changes nothing is none) and, for every write, the
--- version that the board holds now.
function contribution.apply(ctx, writes, by, depth)
  local changes, versions = {}, {}
  for i, write in ipairs(writes) do
    local old = board.entry(ctx, write.address)
    local change
    if write.schema == '' then change = retract(ctx, write, old, by) else change = put(ctx, write, old, by, depth) end
    if change then
      changes[#changes + 1] = change
      if not change.reshaped then board.note_kind(ctx, change.kind, change.seq) end
    end
    versions[i] = ctx.cache[write.address] and ctx.cache[write.address].version or 0
  end
  guard.contributed(ctx, changes, depth)
  return merged(changes), versions
end
