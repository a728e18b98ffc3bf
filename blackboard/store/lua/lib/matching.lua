-- Matching: what a set of changes does to the agenda.
--
-- All changes of a contribution are applied first; then every binding they concern is looked at once, in a fixed order.
-- The agenda afterwards is the conflict set: every binding whose trigger holds and that has not fired, and no other.

local matching = {}
--- @private
local collect = concern.collect -- for every change

--- Applies a change to the memories of its kind.
function matching.remember(ctx, change)
  shapes.note(ctx, change)
  if change.kind == change.address then return end -- a kind without key has no memory
  for _, pattern in ipairs(triggers.of(change.kind).memories) do
    local was, is = binding.member(change.old, pattern), binding.member(change.new, pattern)
    if was ~= is then
      if was then lexset.put(board.memory(ctx), was, false) end
      if is then lexset.put(board.memory(ctx), is, true) end
    end
  end
end

--- Whether a binding has news since `mark`, where it fired or died: a newer version that it did not write itself.
local function has_news(ctx, item, mark, own)
  if item.trigger.rf then return false end
  if item.trigger.re then own = nil end
  return binding.newest(ctx, item.trigger, item.bound, own) > mark
end

--- Whether a binding whose trigger holds has yet to fire. What a dead activation wrote by parts is no news to it; an open
--- one keeps the news that its own parts have overwritten.
local function unfired(ctx, work, item, activation)
  if item.fresh and item.identity ~= work.author and not item.trigger.rf then return true end
  if activation and activation[STATE] == 'D' and not has_news(ctx, item, activation[MARK], activation[OWN]) then return false end
  local fired = board.fired(ctx, item.identity)
  if not fired then return true end
  return has_news(ctx, item, fired.mark, fired.own)
end

--- What opens an activation that is looked at again after it ran: the entry that came meanwhile, and who wrote that. (It is no
--- link of a chain that its own last run would be one of: what comes from outside, again and again, is no storm.)
local function cause_of(ctx, work, item)
  if work.again and item.bound then
    local fired = board.fired(ctx, item.identity)
    local cause, depth = binding.newest(ctx, item.trigger, item.bound, fired and not item.trigger.re and fired.own)
    if cause > 0 then return cause, depth + 1 end
  end
  return item.cause, work.depth
end

--- A precondition that may answer differently now is asked again; so is a person who was asked about older entries.
local function ask_again(ctx, item, activation)
  -- The value that its limit goes by may be another.
  if item.fresh and activation[TOKEN] ~= '' then agenda.move(ctx, item.identity, activation, 'r') end
  if activation[STATE] == 'w' and (item.fresh or item.retest) or activation[STATE] == 'a' and item.fresh then
    activation[SINCE] = board.now
    agenda.move(ctx, item.identity, activation, 'r')
  end
end

--- What was held since nobody could tell what its trigger says may start, now that it can be told.
local function let_go(ctx, item, activation)
  if activation[STATE] == 'u' and not control.holds_back(ctx, activation) then
    agenda.move(ctx, item.identity, activation, 'r')
  end
end

--- Whether it cannot leave now, whatever its trigger says: it runs, has begun and waits in the middle of its work, or may have
--- acted outside the board.
local function is_bound_to_stay(ctx, item, activation)
  return activation and (activation[UNSURE] == 1 or binding.is_in_use(ctx, item, activation))
end

--- What cannot leave now is looked at when it has ended.
local function look_later(ctx, item, activation)
  activation[DIRTY], ctx.touched = 1, true
  if item.fresh then activation[BID] = 0 end
  partition.put(ctx.id .. RS .. item.identity, activation)
end

--- What was handed over stays open as long as its entries are there.
local function look_at_handed(ctx, item, activation)
  item.bound = binding.at(ctx, item.trigger, item.addresses, true)
  if not item.bound then
    agenda.obviate(ctx, item.identity, activation, item.cause)
  else
    rating.again(ctx, item, activation)
    ask_again(ctx, item, activation)
    let_go(ctx, item, activation)
  end
end

--- Brings one identity on the agenda, off it, or leaves it, as its trigger says now.
local function look(ctx, work, item)
  local activation = partition.activation(ctx.id .. RS .. item.identity)
  if is_bound_to_stay(ctx, item, activation) then return look_later(ctx, item, activation) end
  if shapes.unclear(ctx, item.trigger, item.addresses) then return end
  if activation and activation[STATE] ~= 'D' and activation[HANDED] > 0 then return look_at_handed(ctx, item, activation) end
  local bound = item.bound or item.trigger.rf ~= 'o' and binding.at(ctx, item.trigger, item.addresses)
  item.bound = bound
  local holds = bound and binding.holds(ctx, item.trigger, bound) and (not item.trigger.q or ctx.busy == 0)
    and unfired(ctx, work, item, activation)
  if activation and activation[STATE] ~= 'D' then
    if not holds then
      agenda.obviate(ctx, item.identity, activation, item.cause)
    else
      rating.again(ctx, item, activation)
      ask_again(ctx, item, activation)
      let_go(ctx, item, activation)
    end
  elseif holds then
    local cause, depth = cause_of(ctx, work, item)
    agenda.open(ctx, item.trigger, item.identity, '', cause, depth, rating.of(item.trigger, bound))
  end
end

--- A source that fires once per board is bound to the first combination for which its trigger holds.
local function look_once(ctx, work, item)
  local trigger, identity = item.trigger, item.identity
  local activation = partition.activation(ctx.id .. RS .. identity)
  if is_bound_to_stay(ctx, item, activation) then return look_later(ctx, item, activation) end
  if shapes.unclear(ctx, trigger, NONE) then return end
  if activation and activation[STATE] == 'D' then return end
  if activation and activation[HANDED] > 0 then return let_go(ctx, item, activation) end
  local first
  if not board.fired(ctx, identity) and (not trigger.q or ctx.busy == 0) then
    binding.each(ctx, trigger, {}, nil, function(found)
      if binding.holds(ctx, trigger, found) then first, item.bound = binding.addresses(trigger, found), found end
      return first ~= nil
    end)
  end
  local text = first and table.concat(first, RS)
  if activation and not first then
    agenda.obviate(ctx, identity, activation, item.cause)
  elseif activation then
    rating.again(ctx, item, activation)
    ask_again(ctx, item, activation)
    let_go(ctx, item, activation)
    activation[BOUND] = text
    partition.put(ctx.id .. RS .. identity, activation)
  elseif first then
    agenda.open(ctx, trigger, identity, text, item.cause, work.depth, rating.of(trigger, item.bound))
  end
end

local function sorted_keys(map)
  if next(map) == nil then return NONE end
  local keys = {}
  for key in pairs(map) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end

--- Where only quiescence decides the rest, all there is to do now is to ask preconditions again.
local function rouse(ctx, item)
  local activation = partition.activation(ctx.id .. RS .. item.identity)
  if not activation then return end
  rating.forget_bid(ctx, item, activation)
  ask_again(ctx, item, activation)
end

--- Looks at everything noted; triggers that wait for quiescence wait for `matching.quiesce`.
local function finish(ctx, work)
  for _, source in ipairs(sorted_keys(work.deltas)) do
    local deltas = work.deltas[source]
    if binding.flips(ctx, deltas) then concern.all(ctx, work, deltas.trigger, {}, nil, deltas.cause) end
  end
  for _, item in ipairs(work.list) do
    if item.trigger.q then rouse(ctx, item) else look(ctx, work, item) end
  end
  for _, source in ipairs(sorted_keys(work.once)) do
    local item = work.once[source]
    if item.trigger.q then rouse(ctx, item) else look_once(ctx, work, item) end
  end
end

--- A change of an entry on which alone it depends whether a trigger holds: nothing to search, nothing to collect.
local function look_plainly(ctx, trigger, change, author, depth)
  local was, is = shapes.fits(change.old, trigger.p[1]), shapes.fits(change.new, trigger.p[1])
  if not (was or is) then return end
  local identity = trigger.s .. RS .. change.address
  if is and identity ~= author and not trigger.rf and not partition.activation(ctx.id .. RS .. identity) then
    local rated = trigger.rt and rating.of(trigger, { change.new }) or 0
    return agenda.open(ctx, trigger, identity, '', change.seq, depth, rated)
  end
  local item = { identity = identity, trigger = trigger, addresses = { change.address }, cause = change.seq, fresh = is }
  item.bound = is and { change.new }
  look(ctx, { author = author, depth = depth }, item)
end

local function all_plain(ctx, changes)
  if ctx.behind > 0 or ctx.cleared then return false end
  for _, change in ipairs(changes) do if change.reshaped or not triggers.of(change.kind).plain then return false end end
  return true
end

local function apply_plainly(ctx, changes, author, depth)
  for _, change in ipairs(changes) do
    for _, trigger in ipairs(triggers.of(change.kind)) do
      if trigger.rv <= ctx.rev then look_plainly(ctx, trigger, change, author, depth) end
    end
  end
end

--- Kinds whose entries can all be told again: what was not looked at meanwhile is looked at now.
local function clear_up(ctx, depth)
  local kinds = sorted_keys(ctx.cleared)
  ctx.cleared = false
  for _, kind in ipairs(kinds) do
    for _, trigger in ipairs(shapes.odd(ctx, kind) and NONE or triggers.of(kind)) do
      if trigger.rv <= ctx.rev and not trigger.q and shapes.looks_at_all(trigger, kind) then
        finish(ctx, concern.everything(ctx, trigger, '', ctx.seq, depth))
      end
    end
  end
end

--- Runs the changes of one contribution against all triggers. `author` is the identity of the contributing activation.
function matching.apply(ctx, changes, author, depth)
  for _, change in ipairs(changes) do
    matching.remember(ctx, change)
    if change.kind == 'approval' then agenda.hear(ctx, change) end
  end
  if ctx.status ~= 'open' then return end -- what is being undone starts nothing
  if not ctx.born and all_plain(ctx, changes) then return apply_plainly(ctx, changes, author, depth) end
  local work = concern.work(author, depth)
  if ctx.born then
    for _, trigger in ipairs(triggers.beginning()) do concern.all(ctx, work, trigger, {}, nil, 1) end
  end
  for _, change in ipairs(changes) do collect(ctx, work, change) end
  finish(ctx, work)
  if ctx.cleared then clear_up(ctx, depth) end
end

--- Looks at one identity again: after it ran, while something concerned it.
function matching.revisit(ctx, identity, cause, depth)
  local trigger = triggers.source(codec.source(identity))
  if not trigger or trigger.q then return end
  local work = concern.work(identity, depth)
  work.again = true
  if trigger.rf == 'o' and identity == codec.identity(trigger.s, {}) then
    concern.once(work, trigger, cause)
  else
    concern.one(work, trigger, codec.addresses(identity), nil, cause)
  end
  finish(ctx, work)
end

--- Looks at everything of one trigger: after its registration, `asking` its precondition anew, or after an import.
function matching.reconsider(ctx, trigger, cause, asking)
  for _, identity in ipairs(agenda.of(ctx, trigger.s)) do
    local activation = partition.activation(ctx.id .. RS .. identity)
    agenda.retune(ctx, identity, activation, trigger)
    agenda.recount(ctx, identity, activation, trigger, trigger.cp and binding.token(ctx, trigger, identity, activation))
    if asking then ask_again(ctx, { identity = identity, retest = true }, activation) end
  end
  if not trigger.q then finish(ctx, concern.everything(ctx, trigger, '', cause, 1)) end
end

--- Quiescence is entered or left: the triggers that wait for it hold, or hold no more.
function matching.quiesce(ctx, author, depth)
  if ctx.busy > 0 and ctx.closing + ctx.idle == 0 or ctx.status ~= 'open' then return end
  for _, trigger in ipairs(triggers.quiescent()) do
    if trigger.rv <= ctx.rev then
      local work = concern.everything(ctx, trigger, author or '', ctx.seq, depth)
      for _, item in ipairs(work.list) do look(ctx, work, item) end
      for _, item in pairs(work.once) do look_once(ctx, work, item) end
    end
  end
end
