-- Concern: which bindings a change concerns. They are noted, and looked at when all changes have been (see `matching`).

local concern = {}
--- @private

--- What wants a look, nothing yet: identities in the order in which they are noted, sources that fire once per board, and
--- counted sets whose size has changed. `author` is the identity of the contributing activation.
function concern.work(author, depth)
  return { list = {}, by_identity = {}, once = {}, deltas = {}, open = {}, author = author, depth = depth }
end

--- Notes that an identity wants a look. `fresh`: a version it is bound to is new; `retest`: its precondition may change.
local function concern_one(work, trigger, addresses, bound, cause, fresh, retest)
  local identity = codec.identity(trigger.s, addresses)
  local known = work.by_identity[identity]
  if not known then
    known = { identity = identity, trigger = trigger, addresses = addresses, cause = cause }
    work.by_identity[identity] = known
    work.list[#work.list + 1] = known
  end
  known.bound = bound or known.bound
  known.fresh, known.retest = known.fresh or fresh, known.retest or retest
end

--- The each-patterns of a binding, without the gathered entry that led to it.
local function essence(trigger, bound)
  local new = {}
  for i, entry in pairs(bound) do if trigger.p[i].m == 'e' then new[i] = entry end end
  return new
end

--- A source that fires once per board has one identity, whatever it is bound to.
local function concern_once(work, trigger, cause, fresh)
  local known = work.once[trigger.s] or { identity = codec.identity(trigger.s, {}), trigger = trigger, cause = cause }
  known.fresh = known.fresh or fresh
  work.once[trigger.s] = known
end

--- Every binding of the trigger that extends `bound` wants a look.
local function concern_all(ctx, work, trigger, bound, wishes, cause, fresh)
  if trigger.rf == 'o' then return concern_once(work, trigger, cause, fresh) end
  binding.each(ctx, trigger, bound, wishes, function(found)
    concern_one(work, trigger, binding.addresses(trigger, found), essence(trigger, found), cause, fresh)
  end)
end

--- The open identities of a source, all of them and by the addresses they hold; read once for a contribution.
local function open_identities(ctx, work, trigger)
  local found = work.open[trigger.s]
  if found then return found end
  found = { all = {}, holding = {} }
  for _, identity in ipairs(agenda.of(ctx, trigger.s)) do
    local addresses = codec.addresses(identity)
    found.all[#found.all + 1] = addresses
    for _, address in ipairs(addresses) do
      local holding = found.holding[address] or {}
      holding[#holding + 1], found.holding[address] = addresses, holding
    end
  end
  work.open[trigger.s] = found
  return found
end

--- The open identities of a source want a look; only those that hold `address` when one is given.
local function concern_open(ctx, work, trigger, address, cause, retest)
  if trigger.rf == 'o' then return concern_once(work, trigger, cause, retest) end
  local found = open_identities(ctx, work, trigger)
  for _, addresses in ipairs(address == nil and found.all or found.holding[address] or NONE) do
    concern_one(work, trigger, addresses, nil, cause, false, retest)
  end
end

local function each_changed(ctx, work, trigger, i, change)
  local pattern, was = trigger.p[i], shapes.may_have_fitted(change.old, trigger.p[i])
  local fresh = not change.reshaped
  if trigger.alone then -- one entry, one identity: nothing to search
    local is = shapes.fits(change.new, pattern)
    if was or is then
      concern_one(work, trigger, { change.address }, is and { [i] = change.new }, change.seq, is and fresh)
    end
    return
  end
  if was then concern_open(ctx, work, trigger, change.address, change.seq) end
  if shapes.fits(change.new, pattern) then
    local bound = {}
    if binding.fits(trigger, i, change.new, bound) then
      concern_all(ctx, work, trigger, bound, nil, change.seq, fresh)
    end
  end
end

local function gather_changed(ctx, work, trigger, i, change)
  for _, entry in ipairs({ change.old or false, change.new or false }) do
    if shapes.fits(entry, trigger.p[i]) then
      concern_all(ctx, work, trigger, { [i] = entry }, nil, change.seq, entry == change.new and not change.reshaped)
    end
  end
end

--- A counted set changed: without joins its size decides (see `binding.flips`), with joins the bindings that see the entry.
local function count_changed(ctx, work, trigger, c, change)
  local counted = trigger.c[c]
  local was, is = shapes.counts(change.old, counted), shapes.counts(change.new, counted)
  if not counted.j then
    if was and not is or is and not was then
      local deltas = work.deltas[trigger.s] or { trigger = trigger, cause = change.seq }
      deltas[c] = (deltas[c] or 0) + (is and 1 or -1)
      work.deltas[trigger.s] = deltas
    end
    return
  end
  for _, entry in ipairs({ was and change.old or false, is and change.new or false }) do
    if entry then
      local wishes = {}
      for i, join in ipairs(counted.j) do wishes[i] = { join[2], join[3], condition.value(entry, join[1]) } end
      concern_all(ctx, work, trigger, {}, wishes, change.seq)
    end
  end
end

local function precondition_changed(ctx, work, trigger, change)
  if change.reshaped then return end
  for _, kind in ipairs(trigger.wk or {}) do
    if kind == change.kind then return concern_open(ctx, work, trigger, nil, change.seq, true) end
  end
end

--- Every binding that a change concerns wants a look.
function concern.collect(ctx, work, change)
  for _, trigger in ipairs(triggers.of(change.kind)) do
    if trigger.rv <= ctx.rev then
      for i, pattern in ipairs(trigger.p or {}) do
        if pattern.k == change.kind then
          if pattern.m == 'e' then
            each_changed(ctx, work, trigger, i, change)
          elseif pattern.m == 'g' then
            gather_changed(ctx, work, trigger, i, change)
          end
        end
      end
      for c, counted in ipairs(trigger.c or {}) do
        if counted.k == change.kind then count_changed(ctx, work, trigger, c, change) end
      end
      precondition_changed(ctx, work, trigger, change)
    end
  end
end

--- Everything of one trigger wants a look; also what an earlier trigger of the source left on the agenda.
function concern.everything(ctx, trigger, author, cause, depth)
  local work = concern.work(author, depth)
  for _, identity in ipairs(agenda.of(ctx, trigger.s)) do
    if trigger.rf ~= 'o' or identity ~= codec.identity(trigger.s, {}) then
      concern_one(work, trigger, codec.addresses(identity), nil, cause)
    else
      concern_once(work, trigger, cause)
    end
  end
  concern_all(ctx, work, trigger, {}, nil, cause)
  return work
end

-- Locals until here: they call each other for every binding.
concern.one, concern.once, concern.all = concern_one, concern_once, concern_all
