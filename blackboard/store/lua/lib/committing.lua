-- The commit of one activation: all of it or nothing.

local committing = {}
--- @private
local RUN_AGAIN = { exists = true, version = true, gone = true, read = true }

local function read_handoffs()
  local count = arguments.number()
  if count == 0 then return NONE end
  local handoffs = {}
  for i = 1, count do handoffs[i] = { to = arguments.next(), note = arguments.next() } end
  return handoffs
end

--- Reads the operations and, with one call for all of them, the activations that they name.
function committing.read(slots)
  local operations, fields = {}, {}
  for i = 1, arguments.number() do
    local final = arguments.next() == 'commit'
    local operation = settling.read(slots)
    operation.final, operation.part = final, arguments.number()
    operation.reads, operation.kinds, operation.writes = arguments.list(), arguments.list(), contribution.read()
    operation.handoffs = read_handoffs()
    operations[i], fields[i] = operation, operation.field
  end
  for _, operation in ipairs(operations) do contribution.foresee(operation.board, operation.writes, fields) end
  partition.load(fields)
  for _, operation in ipairs(operations) do contribution.load(operation.board, operation.writes) end
  return operations
end

--- Serializable isolation: what was read must be what is there now. `reads` is address, version, address, version, …
local function stale(ctx, operation, activation)
  local reads = operation.reads
  if reads == NONE and operation.kinds == NONE then return nil end
  for i = 1, #reads, 2 do
    local entry = board.entry(ctx, reads[i])
    local found = entry and entry.version or 0
    local own = entry and codec.is_own(activation[OWN], entry.seq)
    if found ~= tonumber(reads[i + 1]) and not own then return { 'read', reads[i], found } end
  end
  for _, kind in ipairs(operation.kinds) do
    local changed = board.last_of_kind(ctx, kind)
    if changed > activation[SNAPSHOT] and not codec.is_own(activation[OWN], changed) then return { 'read', kind, changed } end
  end
  return nil
end

--- The loser of a conflict is ready again at once, on fresh entries, at no cost to its retries.
local function run_again(operation, activation)
  local dirty = activation[DIRTY] == 1
  agenda.move(operation.board, operation.identity, activation, 'r')
  settling.after(operation, dirty, activation[DEPTH])
end

--- Notes the events of an activation's own writes, which are no news to it.
local function note_own(activation, first, last)
  if last < first then return end
  local own = activation[OWN]
  if own == '-' then
    activation[OWN] = DIGITS[first] .. '-' .. DIGITS[last]
    return
  end
  local start = string.match(own, string.format('(%%d+)%%-%d$', first - 1))
  if start then
    activation[OWN] = string.gsub(own, '%d+%-%d+$', string.format('%s-%d', start, last))
  else
    activation[OWN] = string.format('%s,%d-%d', own, first, last)
  end
end

local function fire(operation, activation)
  local ctx, dirty = operation.board, activation[DIRTY] == 1
  board.fire(ctx, operation.identity, activation)
  limiting.succeed(operation.field, codec.source(operation.identity), activation)
  agenda.leave(ctx, operation.identity, activation)
  return dirty
end

--- Commits one operation and returns its answer.
function committing.commit(operation, bounds)
  local ctx = operation.board
  local activation, why = settling.held(operation)
  if not activation then return { why, ctx.status } end
  if operation.part <= activation[PART] and operation.part > 0 then return { 'done' } end
  local refused = contribution.check(ctx, operation.writes, activation[SNAPSHOT], activation[OWN], bounds, 'undoing')
    or stale(ctx, operation, activation) or handing.objection(operation, activation)
  if refused then
    if RUN_AGAIN[refused[1]] then run_again(operation, activation) end
    return refused
  end

  local by, depth = settling.name(operation), activation[DEPTH]
  if operation.final then
    if activation[UNSURE] == 1 then
      board.event(ctx, 'U', operation.owner, operation.identity, activation[NUMBER], operation.settled or 'reconciled: done')
    end
    board.event(ctx, 'F', operation.owner, operation.identity, activation[NUMBER], activation[SNAPSHOT], activation[MARK],
      activation[STARTED])
  end
  local before = ctx.seq
  local changes, versions = contribution.apply(ctx, operation.writes, by, depth)
  note_own(activation, before + 1, ctx.seq)
  local dirty = false
  if operation.final then
    dirty = fire(operation, activation)
  else
    activation[PART] = operation.part
    partition.put(operation.field, activation)
  end
  matching.apply(ctx, changes, operation.identity, depth + 1)
  if operation.handoffs[1] and ctx.status == 'open' then handing.apply(operation, activation, by, depth + 1) end
  if operation.final then
    settling.after(operation, dirty, depth)
  else
    matching.quiesce(ctx, operation.identity, depth + 1)
  end
  return contribution.answer(ctx, versions)
end
