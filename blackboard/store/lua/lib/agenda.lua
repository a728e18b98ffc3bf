-- The agenda of a board: how activations come, wait, become ready and leave.
--
-- States: r ready, u held (ungranted), b bidding, d delayed, t retrying, w waiting for its precondition, l waiting for its turn
-- under a limit, x running, s sleeping, a awaiting approval, q of unknown outcome, D dead.
--
-- Bidding is held, too: it is in the ready set, for a worker to ask for the bid, or among the leases while one asks. It
-- cannot be granted before it has bid: a worker that could run it can ask as well, and a bid takes no longer than its limit.
--
-- What sleeps or asks in the middle of its work is parked: it has begun, which its PART says (-1) until it runs again. Only the
-- loss of an entry that it is bound to takes it off the agenda.

local agenda = {}
--- @private
local ACTIVE = { r = true, u = true, b = true, d = true, t = true, l = true, x = true, s = true }
local ASKED_OF = 'approval' .. US -- how the record of a question to a person begins
local PARKED = { s = true, a = true }
local COULD_START = { r = true, u = true, b = true }
local LASTS = { x = true, q = true, D = true } -- also on a board that is being undone

--- Counts an activation in or out of what keeps the board from quiescence.
local function weigh(ctx, activation, sign)
  local state = activation[STATE]
  local unanswered = state == 'a' and activation[DUE_AT] == 0 -- only input from outside can go on
  if state == 'w' or unanswered and activation[PART] ~= -1 then ctx.idle = ctx.idle + sign * activation[QUIESCENT] end
  if unanswered or not (ACTIVE[state] or state == 'a') then return end
  if activation[QUIESCENT] == 1 then
    ctx.closing = ctx.closing + sign
  else
    ctx.busy = ctx.busy + sign
  end
end

local function unschedule(field, source, activation)
  if activation[STATE] == 'x' or activation[TOKEN] ~= '' then limiting.leave(field, source, activation) end
  if codec.is_leased(activation) then
    partition.leases[field] = false
  elseif activation[STATE] == 'r' or activation[STATE] == 'b' then
    partition.ready[codec.ready(field, source, activation)] = false
  elseif activation[STATE] == 'd' or activation[STATE] == 't' or PARKED[activation[STATE]] then
    partition.due[field] = false
    if activation[STATE] == 'a' then partition.asked[field] = false end
  elseif activation[STATE] == 'l' then
    activation[STATE] = 'r' -- the claim that picks it decides anew
  elseif activation[STATE] == 'q' then
    partition.asked[field] = false
  end
end

local function schedule(field, source, activation)
  if activation[STATE] == 'r' or activation[STATE] == 'b' then
    partition.ready[codec.ready(field, source, activation)] = 0
    partition.awake[source] = true
  elseif activation[STATE] == 'd' or activation[STATE] == 't' or PARKED[activation[STATE]] then
    if activation[STATE] == 'a' then partition.asked[field] = activation[SINCE] end
    if activation[STATE] == 'a' and activation[DUE_AT] == 0 then return end
    partition.due[field] = activation[DUE_AT]
    partition.awake[source] = true -- a worker that sleeps for long must learn when to look
  elseif activation[STATE] == 'q' then
    partition.asked[field] = board.now
  end
end

--- What an activation that stops running, or waits in another way than before, still knows of having begun.
local function remember(activation, before, state)
  activation[OWNER] = '-'
  if PARKED[state] or activation[PART] == -1 and before ~= 'x' and COULD_START[state] then return end
  activation[DIRTY], activation[PART] = 0, 0
end

--- Whether nothing holds an activation back while its board is undone: it undoes, or it may have acted outside the board, and
--- its source is asked what became of that.
local function is_free(ctx, identity, activation)
  return codec.is_undoing(identity) or activation[UNSURE] == 1 and saga.under_way(ctx)
end

--- Brings an activation into a state, with everything that hangs on it; of an earlier one nothing is left. `text_of`: what
--- writes it, where there is a shorter way.
local function settle(ctx, field, source, identity, activation, state, text_of)
  if state == 'r' and control.holds_back(ctx, activation) and not is_free(ctx, identity, activation) then
    state = control.awaits_bid(ctx, identity, activation) and 'b' or 'u'
    if state == 'u' then ctx.rouses = true end
  end
  if state ~= 'x' then remember(activation, activation[STATE], state) end
  activation[STATE] = state
  schedule(field, source, activation)
  weigh(ctx, activation, 1)
  partition.put(field, activation, text_of)
  ctx.touched = true
end

--- Moves an activation to another state.
function agenda.move(ctx, identity, activation, state)
  if ctx.status ~= 'open' and not LASTS[state] and not is_free(ctx, identity, activation) then
    return agenda.obviate(ctx, identity, activation, ctx.seq) -- what is being undone starts nothing any more
  end
  local field, source = ctx.id .. RS .. identity, codec.source(identity)
  weigh(ctx, activation, -1)
  unschedule(field, source, activation)
  settle(ctx, field, source, identity, activation, state)
end

--- Grants a held activation: it may start under this epoch. It counted before, and had no place in the ready set or any other.
function agenda.grant(ctx, field, identity, activation, by, why)
  board.event(ctx, 'G', by, identity, activation[NUMBER], ctx.control, why)
  activation[GRANTED] = ctx.control
  if activation[TOKEN] ~= '' or ctx.status ~= 'open' or control.is_overdue(ctx) then
    return agenda.move(ctx, identity, activation, 'r')
  end
  remember(activation, 'u', 'r')
  activation[STATE] = 'r'
  schedule(field, codec.source(identity), activation)
  partition.put(field, activation)
  ctx.touched = true
end

--- Notes what an activation rates, and whether that is what its source has bid (1 or 0).
function agenda.rate(ctx, identity, activation, rated, bid)
  if activation[RATING] == rated and activation[BID] == bid then return end
  local field, source, held = ctx.id .. RS .. identity, codec.source(identity), codec.is_leased(activation)
  if not held then unschedule(field, source, activation) end
  activation[RATING], activation[BID] = rated, bid
  if not held then schedule(field, source, activation) end
  partition.put(field, activation)
  ctx.touched = true
end

--- What is held waits for its bid, if it has yet to bid; what waits for a bid that nobody asks for any more is held.
function agenda.rebid(ctx, identity, activation)
  local awaits = control.awaits_bid(ctx, identity, activation)
  if activation[STATE] == (awaits and 'u' or 'b') then agenda.move(ctx, identity, activation, 'r') end
end

--- Its source was registered anew: what an activation carries of its trigger follows. (What its formula rates it, it learns
--- when it is looked at.)
function agenda.retune(ctx, identity, activation, trigger)
  if not trigger.bd and (activation[BID] == 1 or not trigger.rt) then agenda.rate(ctx, identity, activation, 0, 0) end
  agenda.rebid(ctx, identity, activation)
  local quiescent, priority = trigger.q or 0, trigger.pr or 0
  if activation[QUIESCENT] == quiescent and activation[PRIORITY] == priority then return end
  local field, source, running = ctx.id .. RS .. identity, codec.source(identity), codec.is_leased(activation)
  weigh(ctx, activation, -1)
  if not running then unschedule(field, source, activation) end
  activation[QUIESCENT], activation[PRIORITY] = quiescent, priority
  if not running then schedule(field, source, activation) end
  weigh(ctx, activation, 1)
  partition.put(field, activation)
  ctx.touched = true
end

--- The same for the limits of its source: what runs counts as they say now, what is ready or waits for its turn is looked at
--- anew. `token`: the value that they go by.
function agenda.recount(ctx, identity, activation, trigger, token)
  local field, state = ctx.id .. RS .. identity, activation[STATE]
  if state == 'x' then
    local counted = trigger.cn and (trigger.cp and token or not trigger.cp and '*')
    limiting.recount(field, trigger.s, activation, counted or '')
  elseif activation[TOKEN] ~= '' then
    agenda.move(ctx, identity, activation, 'r')
  elseif state == 'r' or state == 'b' and not codec.is_leased(activation) then
    limiting.reorder(field, trigger.s, activation)
  end
end

--- Drops what an activation has recorded of itself, from one of its places on.
function agenda.forget(ctx, identity, activation, first)
  local source = codec.source(identity)
  for place = first, activation[RECORDED] - 1 do board.record(ctx, source, activation[NUMBER], place, false) end
  activation[RECORDED] = math.min(activation[RECORDED], first)
end

--- An activation ends that may have asked people: what nobody needs to answer any more shall be withdrawn.
local function spare_people(ctx, identity, activation)
  for place = 1, activation[RECORDED] - 1 do
    local text = board.recorded(ctx, codec.source(identity), activation[NUMBER], place)
    if text and string.sub(text, 1, #ASKED_OF) == ASKED_OF then return chores.begin(ctx, '@people') end
  end
end

--- Puts a new activation on the agenda.
function agenda.open(ctx, trigger, identity, bound, cause, depth, rated)
  local number = board.event(ctx, 'T', cause, identity, depth)
  local delayed = trigger.af ~= nil
  local due, quiescent = delayed and board.now + trigger.af or 0, trigger.q or 0
  local activation = {
    '-', number, cause, depth, trigger.pr or 0, board.now, due, 0, 0, 0, '-', 0, 0, 0, 0, quiescent, 0, '-', rated, 0, 0,
    0, 0, 0, bound, '', '', '',
  }
  local field = ctx.id .. RS .. identity
  local dead = partition.activation(field)
  if dead then
    partition.dead[field] = false
    agenda.forget(ctx, identity, dead, 0)
  end
  lexset.put(board.agenda(ctx), identity, true)
  ctx.opened = ctx.opened + 1
  guard.opened(ctx, trigger, number, depth)
  if ctx.status ~= 'open' then return agenda.move(ctx, identity, activation, delayed and 'd' or 'r') end
  settle(ctx, field, trigger.s, identity, activation, delayed and 'd' or 'r', codec.opened_text)
end

--- Takes an activation off the agenda for good.
function agenda.leave(ctx, identity, activation)
  local field = ctx.id .. RS .. identity
  weigh(ctx, activation, -1)
  unschedule(field, codec.source(identity), activation)
  if activation[RECORDED] > 0 then agenda.forget(ctx, identity, activation, 0) end
  if activation[STATE] == 'D' then
    partition.dead[field] = false
  else
    lexset.put(board.agenda(ctx), identity, false)
  end
  partition.put(field, false)
end

--- The same where others go on with the board: what it has asked of people is withdrawn.
function agenda.drop(ctx, identity, activation)
  if activation[RECORDED] > 1 then spare_people(ctx, identity, activation) end
  agenda.leave(ctx, identity, activation)
end

--- Its trigger no longer holds: it leaves without having run.
function agenda.obviate(ctx, identity, activation, cause)
  board.event(ctx, 'O', cause, identity, activation[NUMBER])
  agenda.drop(ctx, identity, activation)
end

--- Its attempts are spent: it leaves the agenda and is kept with its last error.
function agenda.bury(ctx, identity, activation, by, reason, problem)
  board.event(ctx, 'D', by, identity, activation[NUMBER], reason, problem)
  if activation[RECORDED] > 1 then spare_people(ctx, identity, activation) end
  activation[PROBLEM], activation[GRANTED], activation[UNSURE] = problem, 0, 0
  agenda.move(ctx, identity, activation, 'D')
  activation[DUE_AT] = board.now -- now that it no longer says how long an answer is waited for
  lexset.put(board.agenda(ctx), identity, false)
  partition.dead[ctx.id .. RS .. identity] = 0
end

--- Somebody has answered an approval, or taken it away: whoever waits for that goes on.
function agenda.hear(ctx, change)
  if change.new and condition.value(change.new, 'state') == 'open' then return end
  local name = condition.value(change.new or change.old, 'activation')
  local number = type(name) == 'string' and tonumber(string.match(name, '#(%d+)$'))
  local identity = number and board.identity(ctx, number)
  local activation = identity and partition.activation(ctx.id .. RS .. identity)
  if not activation or activation[NUMBER] ~= number or activation[STATE] ~= 'a' then return end
  agenda.move(ctx, identity, activation, 'r')
end

--- It was cut short while it acted outside the board, and is not run again blindly: its source is asked, once, what became of
--- that, if it can be; else it waits for a person.
function agenda.doubt(ctx, identity, activation, by, reason, problem)
  local trigger = triggers.source(codec.source(identity))
  local asked = activation[UNSURE] == 1 or not (trigger and trigger.rc)
  board.event(ctx, 'U', by, identity, activation[NUMBER], reason)
  activation[PROBLEM], activation[UNSURE] = problem, 1
  agenda.move(ctx, identity, activation, asked and 'q' or 'r')
end

--- On a board that is being undone, what may have acted is asked after, whatever held it back until now: how that ends is
--- waited for.
function agenda.ask_after(ctx)
  if not saga.under_way(ctx) then return end
  local identities, fields = lexset.range(board.agenda(ctx), ''), {}
  for i, identity in ipairs(identities) do fields[i] = ctx.id .. RS .. identity end
  partition.load(fields)
  for i, identity in ipairs(identities) do
    local activation = partition.activation(fields[i])
    if activation and activation[UNSURE] == 1 and COULD_START[activation[STATE]] then
      agenda.move(ctx, identity, activation, 'r')
    end
  end
end

--- The identities of a source that are on the agenda, in order.
function agenda.of(ctx, source) return lexset.range(board.agenda(ctx), source .. RS) end
