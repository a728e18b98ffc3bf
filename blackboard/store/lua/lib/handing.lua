-- Handoffs: an agent passes control to a peer, with the entries that it was bound to itself.
--
-- The peer's activation is opened whatever its conditions say, and stays open as long as its entries are there.

local handing = {}
--- @private

--- The addresses that the peer's patterns bind, of those given (and of kinds that have one entry), or nil and the kind that
--- is missing.
local function addresses_for(ctx, trigger, given)
  local list, used = {}, {}
  for _, pattern in ipairs(trigger.p or {}) do
    if pattern.m == 'e' then
      local found = pattern.u and board.entry(ctx, pattern.k) and pattern.k
      for i, address in ipairs(given) do
        if not found and not used[i] and codec.kind(address) == pattern.k and board.entry(ctx, address) then
          found, used[i] = address, true
        end
      end
      if not found then return nil, pattern.k end
      list[#list + 1] = found
    end
  end
  return list
end

local function given_by(operation, activation)
  if activation[BOUND] ~= '' then return codec.addresses(RS .. activation[BOUND]) end
  return codec.addresses(operation.identity)
end

--- Why control cannot be handed over, as {code, peer, kind}, or nil.
function handing.objection(operation, activation)
  for _, handoff in ipairs(operation.handoffs) do
    local trigger = triggers.source(handoff.to)
    if not trigger then return { 'unknown_peer', handoff.to, '' } end
    local _, missing = addresses_for(operation.board, trigger, given_by(operation, activation))
    if missing then return { 'unfit_peer', handoff.to, missing } end
  end
  return nil
end

local function hand_over(ctx, handoff, given, by, depth)
  local trigger = triggers.source(handoff.to)
  local list = addresses_for(ctx, trigger, given)
  if not list then return end -- the giver has just retracted what it was bound to
  local once = trigger.rf == 'o'
  local identity = codec.identity(handoff.to, once and {} or list)
  local activation = partition.activation(ctx.id .. RS .. identity)
  local event = board.event(ctx, 'H', by, identity, handoff.note)
  if activation and (activation[STATE] == 'x' or activation[STATE] == 'q' or activation[PART] == -1) then
    activation[DIRTY] = 1
  elseif activation and activation[STATE] ~= 'D' then
    agenda.move(ctx, identity, activation, 'r')
  else
    local rated = rating.of(trigger, trigger.rt and binding.at(ctx, trigger, list, true))
    agenda.open(ctx, trigger, identity, once and table.concat(list, RS) or '', event, depth, rated)
    activation = partition.activation(ctx.id .. RS .. identity)
  end
  activation[HANDED], activation[NOTE] = event, handoff.note
  partition.put(ctx.id .. RS .. identity, activation)
  ctx.touched = true
end

--- Opens what was handed over, behind the contribution it came with. `activation`: the giver's.
function handing.apply(operation, activation, by, depth)
  local given = given_by(operation, activation)
  for _, handoff in ipairs(operation.handoffs) do hand_over(operation.board, handoff, given, by, depth) end
end
