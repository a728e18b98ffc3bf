-- The agenda of a board: how activations come, wait, become ready and leave.
--
-- States: r ready, u held (ungranted), b bidding, d delayed, t retrying, w waiting for its precondition, x running, q of
-- unknown outcome, D dead.
--
-- Bidding is held, too: it is in the ready set, for a worker to ask for the bid, or among the leases while one asks. It
-- cannot be granted before it has bid: a worker that could run it can ask as well, and a bid takes no longer than its limit.

local agenda = {}
--- @private
local ACTIVE = { r = true, u = true, b = true, d = true, t = true, x = true }

--- Counts an activation in or out of what keeps the board from quiescence.
local function weigh(ctx, activation, sign)
  if activation[STATE] == 'w' then ctx.idle = ctx.idle + sign * activation[QUIESCENT] end
  if not ACTIVE[activation[STATE]] then return end
  if activation[QUIESCENT] == 1 then
    ctx.closing = ctx.closing + sign
  else
    ctx.busy = ctx.busy + sign
  end
end

local function unschedule(field, source, activation)
  if codec.is_leased(activation) then
    partition.leases[field] = false
  elseif activation[STATE] == 'r' or activation[STATE] == 'b' then
    partition.ready[codec.ready(field, source, activation)] = false
  elseif activation[STATE] == 'd' or activation[STATE] == 't' then
    partition.due[field] = false
  elseif activation[STATE] == 'q' then
    partition.asked[field] = false
  end
end

local function schedule(field, source, activation)
  if activation[STATE] == 'r' or activation[STATE] == 'b' then
    partition.ready[codec.ready(field, source, activation)] = 0
    partition.awake[source] = true
  elseif activation[STATE] == 'd' or activation[STATE] == 't' then
    partition.due[field] = activation[DUE_AT]
    partition.awake[source] = true -- a worker that sleeps for long must learn when to look
  elseif activation[STATE] == 'q' then
    partition.asked[field] = board.now
  end
end

--- Moves an activation to another state, with everything that hangs on it.
function agenda.move(ctx, identity, activation, state)
  local field, source = ctx.id .. RS .. identity, codec.source(identity)
  weigh(ctx, activation, -1)
  unschedule(field, source, activation)
  if state == 'r' and control.holds_back(ctx, activation) then
    state = control.awaits_bid(ctx, identity, activation) and 'b' or 'u'
    if state == 'u' then control.arouse(ctx) end
  end
  activation[STATE] = state
  if state ~= 'x' then activation[OWNER], activation[DIRTY], activation[PART] = '-', 0, 0 end
  schedule(field, source, activation)
  weigh(ctx, activation, 1)
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

--- Puts a new activation on the agenda.
function agenda.open(ctx, trigger, identity, bound, cause, depth, rated)
  local number = board.event(ctx, 'T', cause, identity, depth)
  local delayed = trigger.af ~= nil
  local due, quiescent = delayed and board.now + trigger.af or 0, trigger.q or 0
  local activation = {
    '-', number, cause, depth, trigger.pr or 0, board.now, due, 0, 0, 0, '-', 0, 0, 0, 0, quiescent, 0, '-', rated, 0, 0,
    0, 0, 0, bound, '', '', '',
  }
  if partition.activation(ctx.id .. RS .. identity) then partition.dead[ctx.id .. RS .. identity] = false end
  lexset.put(board.agenda(ctx), identity, true)
  ctx.opened = ctx.opened + 1
  agenda.move(ctx, identity, activation, delayed and 'd' or 'r')
end

--- Takes an activation off the agenda for good.
function agenda.leave(ctx, identity, activation)
  local field = ctx.id .. RS .. identity
  weigh(ctx, activation, -1)
  unschedule(field, codec.source(identity), activation)
  if activation[STATE] == 'D' then
    partition.dead[field] = false
  else
    lexset.put(board.agenda(ctx), identity, false)
  end
  partition.put(field, false)
end

--- Its trigger no longer holds: it leaves without having run.
function agenda.obviate(ctx, identity, activation, cause)
  board.event(ctx, 'O', cause, identity, activation[NUMBER])
  agenda.leave(ctx, identity, activation)
end

--- Its attempts are spent: it leaves the agenda and is kept with its last error.
function agenda.bury(ctx, identity, activation, by, reason, problem)
  board.event(ctx, 'D', by, identity, activation[NUMBER], reason, problem)
  activation[PROBLEM], activation[DUE_AT], activation[GRANTED], activation[UNSURE] = problem, board.now, 0, 0
  agenda.move(ctx, identity, activation, 'D')
  lexset.put(board.agenda(ctx), identity, false)
  partition.dead[ctx.id .. RS .. identity] = 0
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

--- The identities of a source that are on the agenda, in order.
function agenda.of(ctx, source) return lexset.range(board.agenda(ctx), source .. RS) end
