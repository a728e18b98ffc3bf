-- Control: who may start. On an orchestrated board, and on a paused one, nothing starts that was not granted.
--
-- An activation is granted under an epoch of control; every switch and every pause begins a new one, so that what was
-- granted before counts no more. A board that is orchestrated has at most one control activation: of the source
-- `@control`, without entries, on no agenda and in no log. Whatever happens on the board makes it ready; a controller claims
-- it like a worker, and answers it with `decide`. Its MARK is the epoch of the claim that was answered last; its PART is 1 if
-- that answer said what comes next (see `standing`).

local control = {}
--- @private
local CONTROLLER = '@control'
local CONTROL_IDENTITY = CONTROLLER .. RS
local RUNNING_SHOWN = 1000

at_beginning(function() control.spared, control.bidders, control.stopped = {}, {}, false end)

--- Whether a source bids for its activations; looked up once in a call.
local function bids(source)
  local known = control.bidders[source]
  if known == nil then
    local trigger = triggers.source(source)
    known = trigger ~= nil and trigger.bd ~= nil
    control.bidders[source] = known
  end
  return known
end

--- Whether an activation may not start now: it was not granted, or the board's deadline has passed.
function control.holds_back(ctx, activation)
  return (ctx.mode == 'o' or ctx.gate ~= '-') and activation[GRANTED] ~= ctx.control
    or ctx.deadline > 0 and board.now >= ctx.deadline
end

--- Whether a board's deadline has passed: nothing starts any more, whoever granted it.
function control.is_overdue(ctx) return ctx.deadline > 0 and board.now >= ctx.deadline end

--- Whether the source of a held activation shall bid for it first. (In a pause of a choreographed board nobody chooses.)
function control.awaits_bid(ctx, identity, activation)
  return ctx.mode == 'o' and activation[BID] == 0 and bids(codec.source(identity))
end

function control.is_control(identity) return identity == CONTROL_IDENTITY end

--- The trigger of control itself, for what asks for one.
control.TRIGGER = { s = CONTROLLER }

--- Where the control activation of a board is.
function control.field(ctx) return ctx.id .. RS .. CONTROL_IDENTITY end

local function put(field, activation) partition.put(field, activation, codec.control_text) end

local function make_ready(ctx, field, activation)
  if activation[DUE_AT] > 0 then partition.due[field] = false end -- a wake time from before counts no more
  activation[STATE], activation[OWNER], activation[SINCE], activation[DUE_AT] = 'r', '-', board.now, 0
  if ctx.unattended > 0 then
    activation[DUE_AT] = board.now + ctx.unattended
    partition.due[field] = activation[DUE_AT]
  end
  partition.ready[codec.ready(field, CONTROLLER, activation)] = 0
  partition.awake[CONTROLLER] = true
  put(field, activation)
end

--- Whether somebody decides for this board now. After its deadline nobody does, since nothing may start.
local function is_led(ctx)
  return ctx.mode == 'o' and ctx.gate ~= 'p' and ctx.status == 'open' and not control.is_overdue(ctx)
end

--- Something happened: a controller shall look. One that is looking looks again.
function control.arouse(ctx)
  if not is_led(ctx) then return end
  local field = control.field(ctx)
  local activation = partition.activation(field)
  if not activation then
    activation = { '-', ctx.seq, ctx.seq, 0, 0, 0, 0, 0, 0, 0, '-', 0, 0, 0, 0, 0, 0, '-', 0, 0, 0, 0, 0, 0, '', '', '', '' }
    make_ready(ctx, field, activation)
  elseif activation[STATE] == 'x' and activation[DIRTY] == 0 then
    activation[DIRTY] = 1
    put(field, activation)
  elseif activation[STATE] == 'd' then
    make_ready(ctx, field, activation)
  end
end

--- A control activation is no more. For which of its claims it was answered last is kept as what has fired.
local function drop(ctx, field, activation)
  if activation[MARK] > 0 then
    activation[EPOCH], activation[OWNER] = activation[MARK], '-'
    board.fire(ctx, CONTROL_IDENTITY, activation)
  end
  partition.put(field, false)
end

--- Whether a claim of control, `field, identity, number, epoch`, was answered before, and is the last that was.
function control.was_answered(ctx, claim)
  local activation = partition.activation(claim.field)
  if activation and activation[NUMBER] == claim.number then return activation[MARK] == claim.epoch end
  local fired = board.fired(ctx, claim.identity)
  return fired and fired.token == codec.fired_token(claim.number, claim.epoch, '-')
end

--- A claimed control activation was answered: it sleeps until `wake` (0: until something happens), unless something did.
--- It is kept while it sleeps: its epoch tells the claims of it apart.
function control.settle(ctx, activation, wake)
  local field, again = control.field(ctx), activation[DIRTY] == 1
  partition.leases[field] = false
  activation[DIRTY], activation[CRASHES] = 0, 0
  if not is_led(ctx) then
    drop(ctx, field, activation)
  elseif again then
    make_ready(ctx, field, activation)
  else
    activation[STATE], activation[OWNER], activation[DUE_AT] = 'd', '-', wake
    if wake > 0 then
      partition.due[field] = wake
      partition.awake[CONTROLLER] = true -- one that sleeps for long must learn when to look
    end
    put(field, activation)
  end
end

--- The controller that had claimed a board died, or its wake time has come: another may.
function control.recover(ctx, activation)
  local field = control.field(ctx)
  partition.leases[field] = false
  activation[DIRTY] = 0
  make_ready(ctx, field, activation)
end

--- No controller came in time: nobody finds the board ready any more. Returns whether it still was.
function control.withdraw(field)
  local activation = partition.activation(field)
  if activation[STATE] ~= 'r' then return false end
  partition.ready[codec.ready(field, CONTROLLER, activation)] = false
  partition.due[field], activation[DUE_AT] = false, 0
  return true
end

--- Nobody is to decide any more.
function control.dismiss(ctx)
  local field = control.field(ctx)
  local activation = partition.activation(field)
  if not activation then return end
  if activation[STATE] == 'r' then partition.ready[codec.ready(field, CONTROLLER, activation)] = false end
  if activation[STATE] == 'x' then partition.leases[field] = false end
  if activation[DUE_AT] > 0 then partition.due[field] = false end
  drop(ctx, field, activation)
end

--- Every change of a board under control is news to its controllers; so is what came to be held without an event (`rouses`).
function control.notify()
  for _, ctx in ipairs(board.all) do
    if ctx.rouses or ctx.happened > 0 and not control.spared[ctx] then control.arouse(ctx) end
    ctx.rouses = false
  end
end

--- The board's decider knows what happened in this call, up to now: it caused it.
function control.spare(ctx) control.spared[ctx], ctx.rouses = true, false end

-- Priority, age and rating in the text of an activation: read with one look from the front.
local HELD = '^%["[ru]",%d+,%d+,%d+,(-?%d+),(%d+),%d+,%d+,%d+,%d+,"[^"]*",%d+,%d+,%d+,%-?%d+,%d+,%d+,"[^"]*",([^,]+),'
local COULD_START = { r = true, u = true, b = true, l = true }

--- Moves between ready and held; what stays the same of a record is not even decoded.
local function shift(field, source, text, to)
  local priority, since, rated = string.match(text, HELD)
  partition.restate(field, '["' .. to .. string.sub(text, 4))
  partition.ready[codec.ready_row(field, source, priority, tonumber(rated), since)] = to == 'r' and 0 or false
  if to == 'r' then partition.awake[source] = true end
end

--- Moves to or from bidding, and what has a place under a limit. A bid that is under way is late.
local function shift_whole(field, source, text, to)
  local activation = codec.activation(text, field)
  local row = codec.ready(field, source, activation)
  limiting.leave(field, source, activation)
  if codec.is_leased(activation) then
    partition.leases[field] = false
  elseif activation[STATE] ~= 'l' then
    partition.ready[row] = false
  end
  activation[STATE], activation[OWNER] = to, '-'
  if to ~= 'u' then partition.ready[row], partition.awake[source] = 0, true end
  partition.put(field, activation)
end

--- Moves one activation, given its text and state. Returns whether it was ready, or is now.
local function move_one(field, identity, text, state, to, bidding)
  if state == to and not bidding then return false end
  if state == 'l' and to == 'r' then return false end -- it keeps its place in the line
  local source = codec.source(identity)
  if bidding and bids(source) and not codec.has_bid(text) then to = 'b' end
  if state == to then return false end
  if state == 'b' or to == 'b' or codec.has_token(text) then
    shift_whole(field, source, text, to)
  else
    shift(field, source, text, to)
  end
  return state == 'r' or state == 'l' or to == 'r'
end

--- Moves every open activation that could start, were it granted, to state `to` (r or u), before anything else changes;
--- when `bidding`, to b where its source has yet to bid. The switch of a board with very many of them must be quick.
--- `but_unsure`: not what may have acted, since its source is to be asked what became of that.
local function move_all(ctx, to, bidding, but_unsure)
  local moved, running = 0, {}
  local identities = lexset.range(board.agenda(ctx), '')
  for first = 1, #identities, 1000 do
    local fields, last = {}, math.min(first + 999, #identities)
    for i = first, last do fields[i - first + 1] = ctx.id .. RS .. identities[i] end
    local texts = redis.call('HMGET', ACTIVATIONS, unpack(fields))
    for i, text in ipairs(texts) do
      local state, identity = text and string.sub(text, 3, 3), identities[first + i - 1]
      local stays = codec.is_undoing(identity) or but_unsure and text and codec.is_unsure(text)
      if COULD_START[state] and not stays then
        if move_one(fields[i], identity, text, state, to, bidding) then moved = moved + 1 end
      elseif state == 'x' and #running < RUNNING_SHOWN then
        running[#running + 1] = identity
      end
    end
  end
  if moved > 0 then ctx.touched = true end
  return moved, running
end

--- A new epoch begins in which nothing is granted yet; `mode` is the board's then. Returns how many activations are held from
--- now on, and what runs. `but_unsure`: the board is being undone, and how what may have acted ends is waited for.
function control.hold_all(ctx, mode, but_unsure) return move_all(ctx, 'u', mode == 'o', but_unsure) end

--- Nothing is held any more. Returns how many activations became ready, and what runs.
function control.free_all(ctx) return move_all(ctx, 'r', false, false) end

--- Begins an epoch under a strategy.
function control.orchestrate(ctx, by, strategy, name, reason, unattended)
  ctx.mode, ctx.control, ctx.unattended = 'o', ctx.control + 1, unattended
  board.event(ctx, 'M', by, 'orchestration', ctx.control, name, reason)
  board.note(ctx, 'strategy', strategy)
  board.note(ctx, 'memo', '')
  board.note(ctx, 'seen', ctx.seq)
end

--- Begins an epoch without control.
function control.choreograph(ctx, by, reason)
  ctx.mode, ctx.control, ctx.unattended = 'c', ctx.control + 1, 0
  if ctx.gate == 's' then ctx.gate = 'p' end -- nobody is left to decide the step that was asked for
  board.event(ctx, 'M', by, 'choreography', ctx.control, '', reason)
  board.note(ctx, 'strategy', '')
end

--- Whether a caller may act: nil, or why not: `absent`, `epoch`, or the status of a board that takes no more orders.
--- `expected`: the epoch that it knows of, or nothing.
function control.objection(ctx, expected)
  if not ctx.status then return { 'absent', 0 } end
  if ctx.status ~= 'open' then return { ctx.status, 0 } end
  if expected and expected ~= ctx.control then return { 'epoch', ctx.control } end
  return nil
end

--- The answer of a switch or a pause: the epoch, how many activations moved, and the identities of those that run.
function control.answer(ctx, moved, running)
  local answer = { 'ok', ctx.control, moved }
  for i, identity in ipairs(running) do answer[i + 3] = identity end
  return answer
end

--- Pauses a board in the middle of a call, by an event that says why: what is made ready from now on is held. What is ready
--- already is held when the call ends.
function control.stop(ctx, by, reason)
  ctx.gate, ctx.control = 'p', ctx.control + 1
  board.event(ctx, 'Z', by, ctx.control, reason)
  if not control.stopped then control.stopped = {} end
  control.stopped[#control.stopped + 1] = ctx
end

--- Holds what was ready on the boards that were stopped, once all else is written down. (What cannot be read stays ready: the
--- claim that picks it up asks again whether it may start.)
local function hold_stopped()
  for _, ctx in ipairs(control.stopped) do pcall(control.hold_all, ctx, ctx.mode) end
  partition.flush()
end

--- Everything decided is written down, and controllers are told.
function control.finish()
  control.notify()
  for _, ctx in ipairs(control.stopped or NONE) do control.dismiss(ctx) end
  limiting.settle()
  board.flush()
  partition.flush()
  if control.stopped then hold_stopped() end
end
