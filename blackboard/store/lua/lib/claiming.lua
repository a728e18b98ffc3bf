-- Claims: timers that are due and leases that ran out come first, then the best of what is ready.
--
-- A claim writes only keys of the partition, since it cannot declare the keys of boards it does not know yet. What needs
-- a board's keys (a poisoned activation, one of unknown outcome, one whose trigger may no longer hold) is handed out with a
-- flag, and the worker settles it by `fail` or `release`.

local claiming = {}
--- @private
-- Patterns, made once.
local FIELD = '^.*' .. US .. '(.*)$'
local SWEEP, LOOKED_AT = 128, 256 -- timers and leases moved, rows picked, in one call
local CRASH_LIMIT = 3
local TIMED = { d = true, t = true, s = true, a = true }
local CLOCKED = 16 -- of so many claims in a row that find something to do, one looks at the clocks of boards, too

--- Whoever finds that work is ready again wakes those who run it.
local function make_ready(field, source, activation)
  partition.ready[codec.ready(field, source, activation)] = 0
  partition.awake[source] = true
end

--- A board whose controller died, or that wants to be looked at now. One that cannot be read is handed out as damaged.
local function recover_control(field, activation, settle)
  local ok, ctx = pcall(board.view, (codec.split_field(field)))
  if ok then
    control.recover(ctx, activation)
  else
    settle[#settle + 1] = { field, 'damaged' }
  end
end

--- Timers that are due make their activation ready; a retry or a delay keeps the age of its due time. A board that waited
--- too long for a controller is handed to the claimer, to be choreographed again.
local function fire_timers(settle)
  local fields = redis.call('ZRANGEBYSCORE', DUE, '-inf', board.now, 'LIMIT', 0, SWEEP)
  partition.load(fields)
  for _, field in ipairs(fields) do
    local activation, _, identity = partition.activations[field], codec.split_field(field)
    partition.due[field] = false
    local source = codec.source(identity)
    local of_control = control.is_control(identity)
    if activation and of_control and activation[STATE] == 'd' then
      recover_control(field, activation, settle)
    elseif activation and of_control and activation[STATE] == 'r' then
      partition.due[field] = nil -- no controller came in time; it keeps its place until it is handed out
      settle[#settle + 1] = { field, 'unattended' }
    elseif activation and TIMED[activation[STATE]] then
      if activation[STATE] == 'a' then partition.asked[field] = false end
      activation[STATE], activation[SINCE] = 'r', activation[DUE_AT]
      make_ready(field, source, activation)
      partition.put(field, activation)
    end
  end
end

--- Leases that ran out: the worker died or hangs. The activation becomes ready again; with its crash limit reached, or
--- concerned by a change meanwhile, it is handed to the claimer to be settled, and keeps its place among the leases until
--- it is: it must be found again should this call go no further.
local function reap_leases(settle)
  local fields = redis.call('ZRANGEBYSCORE', LEASES, '-inf', board.now, 'LIMIT', 0, SWEEP)
  partition.load(fields)
  for _, field in ipairs(fields) do
    local activation, _, identity = partition.activations[field], codec.split_field(field)
    if not activation or not codec.is_leased(activation) then
      partition.leases[field] = false
    else
      local trigger = control.is_control(identity) and control.TRIGGER or triggers.policies(codec.source(identity))
      activation[CRASHES] = activation[CRASHES] + 1
      local acted = trigger and trigger.ex and activation[STATE] == 'x' and not codec.is_undoing(identity)
      if acted then activation[UNSURE] = 1 end
      if acted and (not trigger.rc or activation[CRASHES] > (trigger.cr or CRASH_LIMIT)) then
        settle[#settle + 1] = { field, 'unknown' }
      elseif activation[CRASHES] > (trigger and trigger.cr or CRASH_LIMIT) then
        settle[#settle + 1] = { field, 'poison' }
      elseif control.is_control(identity) then
        recover_control(field, activation, settle)
      elseif chores.is(identity) then
        activation[STATE], activation[OWNER] = 'r', '-'
        partition.leases[field] = false
        make_ready(field, codec.source(identity), activation)
      elseif activation[DIRTY] == 1 and not acted or not trigger then
        settle[#settle + 1] = { field, 'revisit' }
      else
        limiting.leave(field, codec.source(identity), activation)
        if activation[STATE] == 'x' then activation[STATE] = 'r' end -- else it is to bid
        activation[OWNER], activation[PART] = '-', 0
        partition.leases[field] = false
        make_ready(field, codec.source(identity), activation)
      end
      partition.put(field, activation)
    end
  end
end

--- When the first of a key's members is due, in ms; nil where there is none.
local function first_of(key) return tonumber(redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2]) end

--- Timers and leases, written down before anything is picked. Returns what is to be settled, and when the next is due.
local function recover()
  local lease, timer, settle = first_of(LEASES), first_of(DUE), {}
  if (lease or math.huge) > board.now and (timer or math.huge) > board.now then
    return settle, math.min(lease or math.huge, timer or math.huge)
  end
  reap_leases(settle)
  fire_timers(settle)
  partition.flush()
  return settle, math.min(first_of(LEASES) or math.huge, first_of(DUE) or math.huge)
end

local function emit_entry(reply, entry)
  local n = #reply
  reply[n + 1], reply[n + 2], reply[n + 3], reply[n + 4] = entry.address, entry.version, entry.schema, entry.payload
end

local function emit_pattern(reply, ctx, trigger, i, bound)
  local pattern = trigger.p[i]
  if pattern.m == 'e' then
    reply[#reply + 1] = 1
    emit_entry(reply, bound[i])
    return bound[i].seq
  end
  local list, newest = binding.gathered(ctx, trigger, i, bound), 0
  if pattern.m == 'c' then list = { list[1] } end
  reply[#reply + 1] = #list
  for _, entry in ipairs(list) do
    emit_entry(reply, entry)
    if entry.seq > newest then newest = entry.seq end
  end
  return pattern.m == 'g' and newest or 0
end

-- What a claim looks at just now: its field, the parts of that, and its activation. Filled anew for each, since making tables
-- is costly.
local candidate = {}

--- Looks at a field. `ordinary`: it is a source's work, and neither control nor a chore nor a compensation.
local function look_at(field)
  local id, identity = codec.split_field(field)
  local source = identity and codec.source(identity) or ''
  candidate.field, candidate.id, candidate.identity, candidate.source = field, id, identity, source
  candidate.ordinary = codec.is_plain(source)
  candidate.activation = partition.activation(field)
  return candidate.activation
end

--- The addresses that an activation is bound to.
local function addresses_of(trigger, identity, activation)
  local once = trigger and trigger.rf == 'o' and activation[BOUND] ~= ''
  return codec.addresses(once and codec.source(identity) .. RS .. activation[BOUND] or identity)
end

--- Writes the binding behind the header. Returns its newest triggering version, or nil when there is no such binding.
local function emit_binding(reply, ctx, trigger, identity, activation)
  local bound = trigger and binding.of(ctx, trigger, identity, activation)
  if not bound then
    reply[#reply + 1] = 0
    return nil
  end
  local patterns, newest = trigger.p or {}, 0
  reply[#reply + 1] = #patterns
  if trigger.single then return emit_pattern(reply, ctx, trigger, 1, bound) end
  for i in ipairs(patterns) do
    local seq = emit_pattern(reply, ctx, trigger, i, bound)
    if seq > newest then newest = seq end
  end
  return newest
end

--- When a lease that begins now runs out. Half as late where the claim waited behind a doorbell, and whoever sent it may be gone
--- by now: who is there renews it.
local function ends_at(request, trigger)
  local lease = trigger and trigger.ls or request.lease
  return board.now + (request.brief == 1 and math.floor(lease / 2) or lease)
end

--- Hands a board to a controller: the same header, and behind it what the board is shown as.
local function hand_out_board(reply, request, flag)
  local field, activation = candidate.field, candidate.activation
  local seq, shown = showing.of(candidate.id)
  local epoch, n = activation[EPOCH] + 1, #reply
  activation[STATE], activation[OWNER], activation[EPOCH] = 'x', request.owner, epoch
  activation[SNAPSHOT], activation[STARTED] = seq, board.now
  reply[n + 1], reply[n + 2], reply[n + 3], reply[n + 4], reply[n + 5] = field, activation[NUMBER], epoch, 0, activation[CRASHES]
  reply[n + 6], reply[n + 7], reply[n + 8], reply[n + 9], reply[n + 10] = 0, seq, flag, '', 0
  reply[n + 11], reply[n + 12] = -1, shown
  partition.leases[field] = ends_at(request)
  partition.put(field, activation, codec.control_text)
end

--- Hands the candidate to the claimer: `field, number, epoch, attempts, crashes, depth, snapshot, flag, note, places of its
--- records, binding`.
local function hand_out(reply, request, flag)
  local field, identity, activation = candidate.field, candidate.identity, candidate.activation
  if control.is_control(identity) then return hand_out_board(reply, request, flag) end
  local ctx, trigger = board.view(candidate.id), triggers.policies(candidate.source)
  activation[STATE], activation[OWNER] = flag == 'bid' and 'b' or 'x', request.owner
  activation[EPOCH] = activation[EPOCH] + 1
  activation[SNAPSHOT], activation[STARTED] = ctx.seq, board.now
  local n = #reply
  reply[n + 1], reply[n + 2], reply[n + 3], reply[n + 4] = field, activation[NUMBER], activation[EPOCH], activation[ATTEMPTS]
  reply[n + 5], reply[n + 6], reply[n + 7] = activation[CRASHES], activation[DEPTH], ctx.seq
  reply[n + 8], reply[n + 9], reply[n + 10] = flag, activation[NOTE], activation[RECORDED]
  local mark
  if candidate.ordinary then
    mark = emit_binding(reply, ctx, trigger, identity, activation)
  else
    reply[n + 11], mark = 0, 0
  end
  if flag == '' and mark then
    activation[MARK] = mark
  elseif not mark and (flag == '' or flag == 'bid') then
    reply[n + 8], activation[STATE], activation[DIRTY] = 'revisit', 'x', 1
  elseif not mark and flag == 'reconcile' then
    reply[n + 8] = 'unknown' -- it cannot be shown what it was bound to
  end
  partition.leases[field] = ends_at(request, trigger)
  partition.put(field, activation)
end

--- How the candidate is handed out: to be run, or to bid; or nil. A timer or a lost lease makes ready what may not start: it
--- is held, and controllers are told. (Whether it may was not asked before, since that is written on the board, and timers and
--- leases are those of the partition.) What is bound to entries whose shape leaves unclear whether it may is held, too: it is let
--- go when they have been brought forward.
local function flag_of()
  local field, identity, source, activation = candidate.field, candidate.identity, candidate.source, candidate.activation
  if not candidate.ordinary then
    if control.is_control(identity) and activation[DUE_AT] > 0 then partition.due[field], activation[DUE_AT] = false, 0 end
    return ''
  end
  local ctx, trigger = board.view(candidate.id), triggers.source(source)
  if activation[UNSURE] == 1 and saga.under_way(ctx) then return '' end -- its source is asked what became of it
  if ctx.status ~= 'open' then return 'revisit' end -- its worker died while its board is being undone: it leaves
  local unclear = trigger and (ctx.behind > 0 or trigger.shaped or trigger.od)
    and shapes.unclear(ctx, trigger, addresses_of(trigger, identity, activation))
  if not unclear then
    if not control.holds_back(ctx, activation) then return '' end
    if control.awaits_bid(ctx, identity, activation) then return 'bid' end
    if saga.under_way(ctx) then return 'revisit' end -- which waits for it
  end
  limiting.leave(field, source, activation)
  activation[STATE] = 'u'
  partition.put(field, activation)
  if control.holds_back(ctx, activation) then control.arouse(ctx) end -- what was granted needs no other decision
  return nil
end

--- The same where it can be told; where it cannot, since the board cannot be read, handing it out will say so.
local function flag_safely()
  local ok, flag = pcall(flag_of)
  if not ok then flag = '' end
  return flag == '' and candidate.activation[UNSURE] == 1 and 'reconcile' or flag -- it may have acted before: that is asked first
end

--- Hands the candidate out if that can be. If not (its records are damaged), it is handed out to be buried: it must not stop
--- those that come after it.
local function hand_out_safely(reply, request, flag)
  local field, activation, length = candidate.field, candidate.activation, #reply
  local epoch = activation[EPOCH]
  local ok = pcall(hand_out, reply, request, flag)
  if ok then return flag end
  for i = #reply, length + 1, -1 do reply[i] = nil end
  activation[STATE], activation[OWNER], activation[EPOCH], activation[STARTED] = 'x', request.owner, epoch + 1, board.now
  local facts = { field, activation[NUMBER], activation[EPOCH], activation[ATTEMPTS], activation[CRASHES], activation[DEPTH], 0 }
  for _, fact in ipairs(facts) do reply[#reply + 1] = fact end
  for _, fact in ipairs({ 'damaged', '', 0, 0 }) do reply[#reply + 1] = fact end
  partition.leases[field] = ends_at(request)
  partition.put(field, activation)
  return 'damaged'
end

--- The value that the candidate's limit goes by; none where it cannot be told, which handing it out will say.
local function token_of(trigger)
  if not trigger.cp then return nil end
  local ok, token = pcall(function()
    return binding.token(board.view(candidate.id), trigger, candidate.identity, candidate.activation)
  end)
  return ok and token or nil
end

--- Hands out one activation that was picked, unless it is no more to be had (its row was left over), is held, or has to wait
--- for its turn. Returns its flag, and whether it counts as a start.
local function start(reply, field, queue, request)
  local activation, trigger = look_at(field), queue.trigger
  if not activation or activation[STATE] ~= 'r' and activation[STATE] ~= 'b' then return nil, false end
  local flag = flag_safely()
  if flag == '' and trigger then
    if not limiting.admit(field, trigger, activation, token_of(trigger)) then return nil, false end
  end
  flag = flag and hand_out_safely(reply, request, flag)
  local starts = flag == '' and activation[DIRTY] == 0 -- else it is to be looked at again, and not run
  if starts and trigger then limiting.start(field, trigger) end
  return flag, starts
end

--- Picks and hands out until there is enough; what was picked and does not start is made up for.
local function hand_out_best(reply, request)
  local queues, kept, tried = queueing.open(request.crew, request.wanted, request.cursor), {}, 0
  repeat
    local rows, origins = queueing.pick(queues, request.wanted - #kept)
    local fields = {}
    for i, row in ipairs(rows) do
      fields[i] = string.match(row, FIELD)
      partition.ready[row] = false
    end
    partition.load(fields)
    for i, field in ipairs(fields) do
      local flag, starts = start(reply, field, origins[i], request)
      if flag then kept[#kept + 1] = flag .. RS .. field end
      if not starts then queueing.give_back(origins[i]) end
    end
    tried = tried + #rows
  until #rows == 0 or #kept >= request.wanted or tried >= LOOKED_AT
  return kept, queueing.left(queues)
end

--- The answer to a request that was answered before: what it got and still holds.
local function repeat_claim(reply, request, remembered)
  local count = 0
  for each in string.gmatch(string.match(remembered, US .. '(.*)$'), '[^' .. US .. ']+') do
    local flag, field = string.match(each, '^(%l*)' .. RS .. '(.*)$')
    local activation = look_at(field)
    if activation and codec.is_leased(activation) and activation[OWNER] == request.owner then
      activation[EPOCH] = activation[EPOCH] - 1
      hand_out_safely(reply, request, flag)
      count = count + 1
    end
  end
  return count
end

--- How long an idle worker may sleep: milliseconds until the next timer or lease runs out, or a limit lets something start, 0
--- for ever. (A duration, since the worker's clock is another.)
local function nap_until(due)
  local wait = math.min(math.max(1, due - board.now), limiting.soonest or math.huge)
  return wait < math.huge and wait or 0
end

--- Reads a claim from ARGV: `wanted, owner, request, lease, crew, cursor, lane, brief`. A worker may have a claim under way in
--- each of several lanes; what a lane got last is remembered. One that wants nothing is remembered, too: it calls off an
--- earlier one of its number that has not been carried out yet.
function claiming.read()
  return {
    wanted = arguments.number(), owner = arguments.next(), number = arguments.next(), lease = arguments.number(),
    crew = arguments.next(), cursor = arguments.next(), lane = arguments.next(), brief = arguments.number(),
  }
end

--- Claims. Appends to the reply: `next due in ms, count, activation…`.
function claiming.claim(reply, request)
  local lane = request.owner .. '/' .. request.lane
  local remembered = redis.call('HGET', CLAIMS, lane)
  local head = #reply + 1
  reply[head], reply[head + 1] = 0, 0
  if remembered and string.match(remembered, '^[^' .. US .. ']*') == request.number then
    reply[head + 1] = repeat_claim(reply, request, remembered)
    showing.fill()
    partition.flush()
    return
  end
  local settle, due = recover()
  local kept, left = hand_out_best(reply, request)
  if #kept < request.wanted then reply[head] = nap_until(due) end
  if #kept == 0 or tonumber(request.number) % CLOCKED == 0 then left['@clock'] = clocks.look() or nil end
  for _, each in ipairs(settle) do
    local flag = (each[2] ~= 'unattended' or control.withdraw(each[1])) and look_at(each[1])
      and hand_out_safely(reply, request, each[2])
    if flag then kept[#kept + 1] = flag .. RS .. each[1] end
  end
  reply[head + 1] = #kept
  showing.fill()
  partition.flush()
  if reply[head + 1] > 0 or remembered or request.wanted == 0 then
    redis.call('HSET', CLAIMS, lane, request.number .. US .. table.concat(kept, US))
  end
  for source in pairs(left) do partition.awake[source] = true end
  partition.wake(partition.awake, next(left) == nil and request.crew or nil)
end
