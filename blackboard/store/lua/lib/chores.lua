-- Chores: what a board needs done that is no source's work; any worker may do them.
--
-- A chore is an activation of a source `@name`, without entries, on no agenda and in no log, at most one of a name on a board.
-- It is claimed like any other, before all others, and its worker dies no other death; while it is open its board is busy.

local chores = {}
--- @private
local NAMES, SHAPE, BEHIND = { '@saga', '@people' }, '@shape/', '?old'
local CONTROL = '@control'
local URGENT = 2000 -- above every priority of a source

local function field_of(ctx, name) return ctx.id .. RS .. name .. RS end

local function make_ready(ctx, name, activation)
  activation[STATE], activation[OWNER], activation[DIRTY], activation[SINCE] = 'r', '-', 0, board.now
  partition.leases[field_of(ctx, name)] = false
  partition.ready[codec.ready(field_of(ctx, name), name, activation)] = 0
  partition.awake[name] = true
  partition.put(field_of(ctx, name), activation)
end

--- Whether a source, or that of an identity, is a chore.
function chores.is(source) return string.byte(source) == 64 and string.sub(source, 1, #CONTROL) ~= CONTROL end

--- Whether it waits for more to do, and does not keep its board busy. (One that was put off does.)
local function rests(activation) return activation[STATE] == 'd' and activation[DUE_AT] == 0 end

--- There is something to do: somebody shall; whoever is at it does it once more.
function chores.begin(ctx, name)
  local field = field_of(ctx, name)
  local activation = partition.activation(field)
  if not activation then
    ctx.busy, ctx.touched = ctx.busy + 1, true
    activation = {
      '-', ctx.seq, ctx.seq, 0, URGENT, 0, 0, 0, 0, 0, '-', 0, 0, 0, 0, 0, 0, '-', 0, 0, 0, 0, 0, 0, '', '', '', '',
    }
    make_ready(ctx, name, activation)
  elseif activation[STATE] == 'x' and activation[DIRTY] == 0 then
    activation[DIRTY] = 1
    partition.put(field, activation)
  elseif activation[STATE] == 'd' then
    if activation[DUE_AT] == 0 then
      ctx.busy, ctx.touched = ctx.busy + 1, true
    else
      partition.due[field] = false
    end
    make_ready(ctx, name, activation)
  end
end

--- A chore that its worker holds is done, unless there is more to do by now.
function chores.done(ctx, name, activation)
  if activation[DIRTY] == 1 then return make_ready(ctx, name, activation) end
  partition.leases[field_of(ctx, name)] = false
  partition.put(field_of(ctx, name), false)
  ctx.busy, ctx.touched = ctx.busy - 1, true
end

--- A chore that its worker holds waits for more to do. Its record is kept: its epoch tells the claims of it apart.
function chores.rest(ctx, name, activation)
  if activation[DIRTY] == 1 then return make_ready(ctx, name, activation) end
  activation[STATE], activation[OWNER], activation[DUE_AT] = 'd', '-', 0
  partition.leases[field_of(ctx, name)] = false
  partition.put(field_of(ctx, name), activation)
  ctx.busy, ctx.touched = ctx.busy - 1, true
end

--- Nothing is left to do, and nobody is at it: who is will find that out.
function chores.drop(ctx, name)
  local field = field_of(ctx, name)
  local activation = partition.activation(field)
  if not activation or activation[STATE] == 'x' then return end
  if activation[STATE] == 'r' then partition.ready[codec.ready(field, name, activation)] = false end
  if activation[STATE] == 'd' then partition.due[field] = false end
  partition.put(field, false)
  if not rests(activation) then ctx.busy, ctx.touched = ctx.busy - 1, true end
end

--- A chore that its worker holds cannot be done now, for a reason; it is tried again after a time, or when there is more.
function chores.postpone(ctx, name, activation, delay, problem)
  activation[PROBLEM] = problem
  if activation[DIRTY] == 1 then return make_ready(ctx, name, activation) end
  local field = field_of(ctx, name)
  activation[STATE], activation[OWNER], activation[DUE_AT] = 'd', '-', board.now + delay
  partition.leases[field], partition.due[field] = false, activation[DUE_AT]
  partition.put(field, activation)
  partition.awake[name] = true -- a worker that sleeps for long must learn when to look
end

--- A chore that its worker holds, or that a worker died with, is for another to do.
function chores.give_back(ctx, identity, activation) make_ready(ctx, codec.source(identity), activation) end

--- Whether a chore is to be done on a board, or somebody is at it.
function chores.is_open(ctx, name)
  local activation = partition.activation(field_of(ctx, name))
  return activation ~= nil and activation ~= false and not rests(activation)
end

--- The names of what is open of them on a board.
function chores.open(ctx)
  local names = {}
  for _, name in ipairs(NAMES) do if chores.is_open(ctx, name) then names[#names + 1] = name end end
  return names
end

--- The board is closed: there is nothing left to do.
function chores.drop_all(ctx)
  local names = { unpack(NAMES) }
  for _, kind in ipairs(ctx.behind > 0 and board.marked(ctx, BEHIND) or NONE) do names[#names + 1] = SHAPE .. kind end
  for _, name in ipairs(names) do
    local field = field_of(ctx, name)
    local activation = partition.activation(field)
    if activation then
      if activation[STATE] == 'r' then partition.ready[codec.ready(field, name, activation)] = false end
      if activation[STATE] == 'x' then partition.leases[field] = false end
      if activation[STATE] == 'd' then partition.due[field] = false end
      partition.put(field, false)
      if not rests(activation) then ctx.busy = ctx.busy - 1 end
    end
  end
end
