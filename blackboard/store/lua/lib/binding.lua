-- Bindings: which combinations of entries satisfy a trigger (TREAT: memories of single patterns, no join network).
--
-- A memory is a range of the board's `memory` set: `alpha US token US key` for every entry of a keyed kind that passes
-- the tests of a pattern; `token` is the entry's value in the pattern's join field, so that an equality join is a look-up.
-- A kind without key has at most one entry on a board and needs no memory.

local binding = {}
--- @private

--- The member of a memory for an entry, or nil when it does not belong there.
function binding.member(entry, pattern)
  if not entry then return nil end
  if (pattern.t or pattern.ix) and entry.schema ~= (pattern.v or '1') then return nil end -- its fields are others
  if not condition.passes(entry, pattern.t) then return nil end
  local token = pattern.ix and condition.token(condition.value(entry, pattern.ix)) or ''
  return pattern.a .. US .. token .. US .. codec.key(entry.address)
end

--- The entries of memory members, in address order. `mixed`: the members are ordered by a join field first.
local function entries(ctx, kind, members, mixed)
  local addresses, list = {}, {}
  for i, member in ipairs(members) do addresses[i] = kind .. '/' .. string.match(member, '[^' .. US .. ']*$') end
  if mixed then table.sort(addresses) end
  board.load(ctx, addresses)
  for i, address in ipairs(addresses) do list[i] = ctx.cache[address] end
  return list
end

--- Where a pattern's memory starts, narrowed to the joined value when one is known.
local function prefix(pattern, value)
  if pattern.ix and value ~= nil then return pattern.a .. US .. condition.token(value) .. US end
  return pattern.a .. US
end

--- All entries that pass a pattern's tests (and carry `value` in its join field), in address order. Whoever looks at what comes
--- of them asks `shapes.unclear` first: some may be of a shape that tells nothing.
local function matches(ctx, pattern, value)
  if pattern.u then
    local entry = board.entry(ctx, pattern.k)
    return entry and condition.passes(entry, pattern.t) and { entry } or {}
  end
  local mixed = pattern.ix ~= nil and value == nil
  return entries(ctx, pattern.k, lexset.range(board.memory(ctx), prefix(pattern, value)), mixed)
end

--- The value that pattern `i`'s join field must have, given what is bound.
local function joined_value(trigger, i, bound)
  local path = trigger.p[i].ix
  if not path or not trigger.j then return nil end
  for _, join in ipairs(trigger.j) do
    local a, at, b, bt = join[1], join[2], join[3], join[4]
    if b == i then a, at, b, bt = b, bt, a, at end
    if a == i and bound[b] and binding.same_path(at, path) then return condition.value(bound[b], bt) end
  end
  return nil
end

function binding.same_path(a, b)
  if type(a) ~= 'table' or type(b) ~= 'table' then return a == b end
  return table.concat(a, '.') == table.concat(b, '.')
end

local function joins_hold(trigger, i, bound)
  if not trigger.j then return true end
  for _, join in ipairs(trigger.j) do
    if (join[1] == i or join[3] == i) and bound[join[1]] and bound[join[3]] then
      if not condition.joins(condition.value(bound[join[1]], join[2]), condition.value(bound[join[3]], join[4])) then
        return false
      end
    end
  end
  return true
end

--- Joins asked for from outside the patterns (by an entry of a counted set): {pattern, path, value}.
local function wishes_hold(wishes, i, entry)
  if not wishes then return true end
  for _, wish in ipairs(wishes) do
    if wish[1] == i and not condition.joins(condition.value(entry, wish[2]), wish[3]) then return false end
  end
  return true
end

local function wished_value(trigger, i, wishes)
  for _, wish in ipairs(wishes or {}) do
    if wish[1] == i and trigger.p[i].ix and binding.same_path(wish[2], trigger.p[i].ix) then return wish[3] end
  end
  return nil
end

--- Binds every each-pattern from `i` on in every way that the joins allow and calls `visit(bound)` for each; stops
--- early when `visit` returns true. `bound` may hold entries already, also for a gathering pattern.
function binding.each(ctx, trigger, bound, wishes, visit, i)
  i = i or 1
  local patterns = trigger.p or {}
  while patterns[i] and (patterns[i].m ~= 'e' or bound[i]) do i = i + 1 end
  if not patterns[i] then return visit(bound) end
  local value = joined_value(trigger, i, bound)
  if value == nil then value = wished_value(trigger, i, wishes) end
  for _, entry in ipairs(matches(ctx, patterns[i], value)) do
    bound[i] = entry
    if joins_hold(trigger, i, bound) and wishes_hold(wishes, i, entry) then
      if binding.each(ctx, trigger, bound, wishes, visit, i + 1) then return true end
    end
  end
  bound[i] = nil
  return false
end

--- Whether an entry fits pattern `i` beside what is bound.
function binding.fits(trigger, i, entry, bound, wishes)
  bound[i] = entry
  return joins_hold(trigger, i, bound) and wishes_hold(wishes, i, entry)
end

--- The entries of a gathering or context pattern beside what is bound, in address order.
function binding.gathered(ctx, trigger, i, bound)
  local list, beside = {}, {}
  for j, entry in pairs(bound) do beside[j] = entry end
  for _, entry in ipairs(matches(ctx, trigger.p[i], joined_value(trigger, i, bound))) do
    beside[i] = entry
    if joins_hold(trigger, i, beside) then list[#list + 1] = entry end
  end
  return list
end

--- How many entries a counted set (Count, Absent) has beside what is bound.
function binding.count(ctx, counted, bound)
  local joins = counted.j
  if not joins and not counted.u then return lexset.count(board.memory(ctx), counted.a .. US) end
  local value = joins and condition.value(bound[joins[1][2]], joins[1][3])
  if joins and not condition.joins(value, value) then return 0 end
  if joins and #joins == 1 and counted.ix and not counted.u then
    return lexset.count(board.memory(ctx), prefix(counted, value))
  end
  local count = 0
  for _, entry in ipairs(matches(ctx, counted, value)) do
    local all = true
    for _, join in ipairs(joins or {}) do
      all = all and condition.joins(condition.value(entry, join[1]), condition.value(bound[join[2]], join[3]))
    end
    if all then count = count + 1 end
  end
  return count
end

local function operand(ctx, trigger, bound, what)
  if what[1] == 'v' then return what[2] end
  if what[1] == 'n' then return binding.count(ctx, trigger.c[what[2]], bound) end
  return condition.value(bound[what[2]], what[3])
end

local function clause_holds(ctx, trigger, bound, clause)
  if clause[1] == 'any' then
    for _, inner in ipairs(clause[2]) do if clause_holds(ctx, trigger, bound, inner) then return true end end
    return false
  elseif clause[1] == 'all' then
    for _, inner in ipairs(clause[2]) do if not clause_holds(ctx, trigger, bound, inner) then return false end end
    return true
  end
  local constant = clause[3] and operand(ctx, trigger, bound, clause[3])
  return condition.compare(clause[1], operand(ctx, trigger, bound, clause[2]), constant)
end

--- Whether the trigger holds for a binding of its each-patterns (quiescence aside).
function binding.holds(ctx, trigger, bound)
  for i, pattern in ipairs(trigger.p or {}) do
    if pattern.n and #binding.gathered(ctx, trigger, i, bound) == 0 then return false end
  end
  for _, clause in ipairs(trigger.w or {}) do
    if not clause_holds(ctx, trigger, bound, clause) then return false end
  end
  return true
end

--- Whether a clause reads one of the counted sets that changed.
local function reads_changed(clause, deltas)
  if clause[1] == 'any' or clause[1] == 'all' then
    for _, inner in ipairs(clause[2]) do if reads_changed(inner, deltas) then return true end end
    return false
  end
  for side = 2, 3 do
    local what = clause[side]
    if what and what[1] == 'n' and (deltas[what[2]] or 0) ~= 0 then return true end
  end
  return false
end

--- Whether the new sizes of counted sets can change what the trigger says. A clause that compares a size with a
--- constant and answers as before cannot.
function binding.flips(ctx, deltas)
  local trigger = deltas.trigger
  for _, clause in ipairs(trigger.w or {}) do
    if reads_changed(clause, deltas) then
      local left, right = clause[2], clause[3]
      if left[1] ~= 'n' or right[1] ~= 'v' then return true end
      local now = binding.count(ctx, trigger.c[left[2]], {})
      local before = now - deltas[left[2]]
      if condition.compare(clause[1], now, right[2]) ~= condition.compare(clause[1], before, right[2]) then return true end
    end
  end
  return false
end

--- The addresses bound by the each-patterns, in order of the parameters.
function binding.addresses(trigger, bound)
  local list = {}
  for i, pattern in ipairs(trigger.p or {}) do
    if pattern.m == 'e' then list[#list + 1] = bound[i].address end
  end
  return list
end

--- The entries at the given addresses as a binding of the each-patterns, or nil when it is none (any more). What was
--- `handed` over need not meet the conditions.
function binding.at(ctx, trigger, addresses, handed)
  local bound, n = {}, 0
  for i, pattern in ipairs(trigger.p or {}) do
    if pattern.m == 'e' then
      n = n + 1
      local entry = addresses[n] and codec.kind(addresses[n]) == pattern.k and board.entry(ctx, addresses[n])
      if not entry or not (handed or condition.passes(entry, pattern.t)) then return nil end
      bound[i] = entry
      if not (handed or joins_hold(trigger, i, bound)) then return nil end
    end
  end
  return addresses[n + 1] == nil and bound or nil -- more addresses than patterns: the trigger has changed since
end

--- What an activation is bound to now, or nil: by the addresses that it carries in its record, or has in its name.
function binding.of(ctx, trigger, identity, activation)
  if trigger.single and activation[HANDED] == 0 and activation[PART] ~= -1 then
    local pattern, address = trigger.p[1], string.sub(identity, #trigger.s + 2)
    local entry = codec.kind(address) == pattern.k and board.entry(ctx, address)
    return entry and condition.passes(entry, pattern.t) and { entry } or nil
  end
  local once = trigger.rf == 'o' and activation[BOUND] ~= ''
  local addresses = codec.addresses(once and codec.source(identity) .. RS .. activation[BOUND] or identity)
  return binding.at(ctx, trigger, addresses, activation[HANDED] > 0 or activation[PART] == -1)
end

--- The value that the limit of its source goes by, where each value counts for itself: nil when it is bound to nothing (any
--- more).
function binding.token(ctx, trigger, identity, activation)
  local bound = binding.of(ctx, trigger, identity, activation)
  return bound and condition.token(condition.value(bound[trigger.cp[1]], trigger.cp[2]))
end

--- Whether an activation runs on its binding, or has begun and will go on with it as long as the entries are there.
function binding.is_in_use(ctx, item, activation)
  if activation[PART] ~= -1 or activation[STATE] == 'x' then return activation[STATE] == 'x' end
  local addresses = activation[BOUND] ~= '' and codec.addresses(RS .. activation[BOUND]) or codec.addresses(item.identity)
  return binding.at(ctx, item.trigger, addresses, true) ~= nil
end

--- The newest of the entries that can trigger this binding, leaving out the events of `own`; and the depth of who wrote it.
function binding.newest(ctx, trigger, bound, own)
  local newest, depth = 0, 0
  local function look(entry)
    if entry.seq > newest and not (own and codec.is_own(own, entry.seq)) then newest, depth = entry.seq, entry.depth end
  end
  for i, pattern in ipairs(trigger.p or {}) do
    if pattern.m == 'e' then
      look(bound[i])
    elseif pattern.m == 'g' then
      for _, entry in ipairs(binding.gathered(ctx, trigger, i, bound)) do look(entry) end
    end
  end
  return newest, depth
end
