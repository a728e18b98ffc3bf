-- Shapes: entries of another schema version than the one their kind is matched by.
--
-- The store cannot bring an entry forward: that takes the application's upcasters. So an entry whose version is not that of
-- the newest trigger of its kind is marked, in the board's memory, as `?old` or `?new` (`mark US kind US address`), and what
-- reads its fields cannot be told until it is brought forward, or until a newer release has registered its sources: nothing
-- is opened or obviated by it, and nothing is handed out. What is old is a chore, `@shape/kind`, for a worker that has the
-- upcasters. Entries of which only the existence matters wait for nothing.

local shapes = { OLD = '?old', NEW = '?new' }
--- @private
local CHORE = '@shape/'

--- Whether a pattern may bind an entry: it is of the trigger's version, or no field of it matters and a worker can bring it
--- forward.
function shapes.sees(entry, pattern)
  local version = pattern.v or '1'
  return entry.schema == version or pattern.b ~= nil and tonumber(entry.schema) < tonumber(version)
end

--- Whether an entry is one that a pattern may bind.
function shapes.fits(entry, pattern)
  return entry and shapes.sees(entry, pattern) and condition.passes(entry, pattern.t)
end

--- Whether an entry was bound, or may have been: what could not be told of it can be told again.
function shapes.may_have_fitted(entry, pattern)
  return entry and (not shapes.sees(entry, pattern) or condition.passes(entry, pattern.t))
end

--- Whether an entry is known to belong to a counted set. (Where it is enough that it is there, its shape does not matter.)
function shapes.counts(entry, counted)
  if not entry or (counted.t or counted.j) and entry.schema ~= (counted.v or '1') then return false end
  return condition.passes(entry, counted.t)
end

local function stem_of(mark, kind) return mark .. US .. kind .. US end

--- Marks an entry, or takes the mark off; the board counts them.
local function mark(ctx, name, kind, address, present)
  local set, member = board.memory(ctx), stem_of(name, kind) .. address
  local is = set.staged and set.staged[member]
  if is == nil then is = redis.call('ZSCORE', set.key, member) and true or false end
  if is == present then return false end
  lexset.put(set, member, present)
  ctx.behind, ctx.touched = ctx.behind + (present and 1 or -1), true
  return true
end

--- Whether entries of a kind are marked: newer ones, and older ones unless it is enough that they are there.
function shapes.odd(ctx, kind, existence)
  return lexset.count(board.memory(ctx), stem_of(shapes.NEW, kind)) > 0
    or not existence and lexset.count(board.memory(ctx), stem_of(shapes.OLD, kind)) > 0
end

--- Marks what is at an address as its version demands. Returns whether a mark was taken off.
local function remark(ctx, kind, address, entry)
  local newest = triggers.of(kind).newest
  local version = entry and newest and tonumber(entry.schema)
  local old, new = version and version < newest or false, version and version > newest or false
  local cleared = mark(ctx, shapes.OLD, kind, address, old) and not old
  cleared = mark(ctx, shapes.NEW, kind, address, new) and not new or cleared
  if old then
    chores.begin(ctx, CHORE .. kind)
  elseif cleared and lexset.count(board.memory(ctx), stem_of(shapes.OLD, kind)) == 0 then
    chores.drop(ctx, CHORE .. kind)
  end
  return cleared
end

--- Notes what a change does to the marks of its kind; `ctx.cleared` has the kinds that lost one.
function shapes.note(ctx, change)
  local new, current = change.new, triggers.of(change.kind).current
  if ctx.behind == 0 and (not new or not current or new.schema == current) then return end
  if ctx.status == 'loading' then return end -- which are old is looked at when all of it is there
  if remark(ctx, change.kind, change.address, new) then
    if not ctx.cleared then ctx.cleared = {} end
    ctx.cleared[change.kind] = true
  end
end

--- Marks an entry as it stands, when its board meets sources that were registered later.
function shapes.meet(ctx, entry)
  local kind = codec.kind(entry.address)
  if ctx.behind > 0 or entry.schema ~= (triggers.of(kind).current or entry.schema) then
    remark(ctx, kind, entry.address, entry)
  end
end

--- Whether it cannot be told what a trigger says of a binding (`addresses` of its each-patterns).
function shapes.unclear(ctx, trigger, addresses)
  if trigger.od or trigger.shaped and trigger.rv > ctx.rev then return true end
  if ctx.behind == 0 then return false end
  local n = 0
  for _, pattern in ipairs(trigger.p or NONE) do
    if pattern.m ~= 'e' or trigger.rf == 'o' then
      if shapes.odd(ctx, pattern.k, pattern.b) then return true end
    else
      n = n + 1
      local entry = addresses[n] and codec.kind(addresses[n]) == pattern.k and board.entry(ctx, addresses[n])
      if entry and not shapes.sees(entry, pattern) then return true end
    end
  end
  for _, counted in ipairs(trigger.c or NONE) do
    if (counted.t or counted.j) and shapes.odd(ctx, counted.k) then return true end
  end
  return false
end

--- Whether a trigger looks at a kind as a whole, so that one entry of it that cannot be read leaves everything unclear.
function shapes.looks_at_all(trigger, kind)
  for _, pattern in ipairs(trigger.p or NONE) do
    if pattern.k == kind and (pattern.m ~= 'e' or trigger.rf == 'o') then return true end
  end
  for _, counted in ipairs(trigger.c or NONE) do
    if counted.k == kind and (counted.t or counted.j) then return true end
  end
  return false
end

--- The kind that a chore is to bring forward, or nil.
function shapes.kind_of(source) return string.match(source, '^@shape/(.*)$') end

--- Whether entries of a kind wait to be brought forward.
function shapes.waits(ctx, kind) return lexset.count(board.memory(ctx), stem_of(shapes.OLD, kind)) > 0 end
