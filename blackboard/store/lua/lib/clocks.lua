-- The clock of a board: when somebody has to look at it, though nothing happens on it.
--
-- `clocks` holds, for a board that is open, when its deadline comes or it may have been out of use for too long; for a closed
-- one, when its retention ends. A claim that finds such a time come makes the board's chore `@clock` ready, since it may not
-- write a board's keys, and forgets a board that has expired.

local clocks = {}
--- @private
local CLOCK = '@clock'
local URGENT, LOOKED_AT, AGAIN = 2000, 16, 60000 -- above every priority; boards looked at in one call; ms until the next look

local function field_of(ctx) return ctx.id .. RS .. CLOCK .. RS end

local function last_event_at(ctx)
  local event = redis.call('LINDEX', ctx.log, -1)
  return event and tonumber(string.match(event, '^%a' .. US .. '(%d+)')) or board.now
end

--- How many milliseconds of disuse close a board: 0, none do.
local function idle_of(ctx) return tonumber(redis.call('HGET', ctx.meta, 'idle')) or 0 end

--- Whether nothing is to be done on a board, nor waited for: then it can be out of use.
local function is_at_rest(ctx) return ctx.busy + ctx.closing == 0 and redis.call('ZCARD', ctx.agenda_key) == 0 end

--- Why a board is to be looked at now: 'deadline', 'idle' or nil; and when it is to be looked at next, 0 for never.
function clocks.due(ctx)
  if control.is_overdue(ctx) then return 'deadline', 0 end
  local idle, following = idle_of(ctx), ctx.deadline
  if idle > 0 then
    local at = last_event_at(ctx) + idle
    if at <= board.now then
      if is_at_rest(ctx) then return 'idle', 0 end
      at = board.now + idle
    end
    if following == 0 or at < following then following = at end
  end
  return nil, following
end

--- The board is looked at then, at the latest; 0: not by the clock.
function clocks.set(ctx, at) partition.clocks[ctx.id] = at > 0 and at end

--- What a board begins with: `deadline in ms, what it does ('pause' or 'close'), ms of disuse that close it`; 0: none.
function clocks.begin(ctx, defaults)
  local deadline, idle = defaults.deadline, defaults.idle
  if deadline > 0 then
    ctx.deadline = board.now + deadline
    board.note(ctx, 'overdue', defaults.overdue)
  end
  if idle > 0 then board.note(ctx, 'idle', string.format('%d', idle)) end
  if deadline > 0 or idle > 0 then
    clocks.set(ctx, deadline > 0 and (idle == 0 or deadline < idle) and ctx.deadline or board.now + idle)
  end
end

--- Forgets the chore: it is done, or the board closes.
function clocks.drop(ctx)
  local field = field_of(ctx)
  local activation = partition.activation(field)
  if not activation then return end
  if activation[STATE] == 'r' then partition.ready[codec.ready(field, CLOCK, activation)] = false end
  if activation[STATE] == 'x' then partition.leases[field] = false end
  partition.put(field, false)
end

local function make_ready(ctx)
  local field = field_of(ctx)
  if partition.activation(field) then return end
  local activation = {
    'r', ctx.seq, ctx.seq, 0, URGENT, 0, 0, 0, 0, 0, '-', 0, 0, 0, 0, 0, 0, '-', 0, 0, 0, 0, 0, 0, '', '', '', '',
  }
  partition.ready[codec.ready(field, CLOCK, activation)] = 0
  partition.awake[CLOCK] = true
  partition.put(field, activation)
end

--- A board whose keys are gone is forgotten; one that is closed, as soon as they are.
local function look_at_closed(id, ctx)
  local left = redis.call('PTTL', ctx.meta)
  if left == -2 then
    redis.call('ZREM', BOARDS, id)
    partition.clocks[id] = false
  else
    partition.clocks[id] = left >= 0 and board.now + left + 1
  end
end

local function look_at(id)
  local ctx = board.view(id)
  if ctx.status ~= 'open' then return look_at_closed(id, ctx) end
  local due, following = clocks.due(ctx)
  if due then
    make_ready(ctx)
    following = board.now + AGAIN
  end
  clocks.set(ctx, following)
end

--- A claim looks at the boards whose time has come. Returns whether somebody has something to do.
function clocks.look()
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', CLOCKS, '-inf', board.now, 'LIMIT', 0, LOOKED_AT)) do
    if not pcall(look_at, id) then partition.clocks[id] = board.now + AGAIN end -- it cannot be read
  end
  return partition.awake[CLOCK] == true
end
