-- What is ready, source by source, in the order in which a claim takes it.
--
-- A queue is a source's part of the ready set. It hands out one row after the other, as long as its source's limits allow for
-- more; of a fair source, of one board after the other, from the board after that which had the last turn.

local queueing = {}
--- @private
-- Patterns, made once.
local FIRST = '^[^' .. US .. ']+'
local FAIR_PARTS = '^([^' .. US .. ']*' .. US .. ')=([^' .. US .. ']*)' .. US .. '(.*)$'
local SCAN = 64 -- sources looked at in one call
local FEW = 16 -- rows that are read at once: when there are no more, nothing else has to be looked up

local function first_row(low, high) return redis.call('ZRANGEBYLEX', READY, low, high, 'LIMIT', 0, 1)[1] end

--- Begins to go round the boards whose first row has the highest priority.
local function begin_turns(queue)
  local first = first_row('[' .. queue.stem, '(' .. queue.stem .. LAST)
  local priority = first and string.match(string.sub(first, #queue.stem + 1), FAIR_PARTS)
  if not priority then return end -- what is ready was so before boards took turns
  queue.circle, queue.boards = {}, queue.stem .. priority .. '='
  queue.start = limiting.last_turn(queue.source)
  queue.place = queue.boards .. queue.start .. US .. LAST
  queue.finish = queue.boards .. LAST
end

--- The first row of the board after that of the last; nil when the round is over.
local function next_board(queue)
  local row = first_row('(' .. queue.place, '(' .. queue.finish)
  if not row and not queue.round then -- from the first board on, up to where it started
    queue.round = true
    queue.finish = queue.boards .. queue.start .. US .. LAST
    row = first_row('[' .. queue.boards, '(' .. queue.finish)
  end
  if not row then return nil end
  local _, id = string.match(string.sub(row, #queue.stem + 1), FAIR_PARTS)
  queue.place = queue.boards .. id .. US .. LAST
  queue.circle[#queue.circle + 1] = { row = row, last = queue.place }
  return row
end

--- The next row in turn: every board once, then again those that have more.
local function next_turn(queue)
  local row = not queue.each and next_board(queue)
  if row then return row end
  queue.each = queue.each or 1
  local circle = queue.circle
  while #circle > 0 do
    if queue.each > #circle then queue.each = 1 end
    local one = circle[queue.each]
    row = first_row('(' .. one.row, '(' .. one.last)
    if row then
      one.row, queue.each = row, queue.each + 1
      return row
    end
    table.remove(circle, queue.each)
  end
  queue.circle, queue.last = nil, queue.boards .. LAST -- behind them is what has a lower priority
  return nil
end

--- The next row in order.
local function next_row(queue)
  local row = queue.circle and next_turn(queue)
  if row then return row end
  queue.at = queue.at + 1
  if queue.at > #queue.rows then
    if queue.rows ~= NONE and #queue.rows < queue.batch then return nil end
    local from = queue.last and '(' .. queue.last or '[' .. queue.stem
    queue.rows = redis.call('ZRANGEBYLEX', READY, from, '(' .. queue.stem .. LAST, 'LIMIT', 0, queue.batch)
    queue.at, queue.last = 1, queue.rows[#queue.rows] or queue.last
  end
  return queue.rows[queue.at]
end

--- By what a row is compared with those of other sources: priority, rating, age.
local function rank_of(queue, row)
  local rank = string.sub(row, #queue.stem + 1)
  if not queue.trigger then return rank end
  local priority, _, rest = string.match(rank, FAIR_PARTS)
  return priority and priority .. rest or rank
end

local function advance(queue)
  local row = not queue.trigger and queue.rows[queue.at + 1]
  if row then -- nothing limits it, and it was read before
    queue.at, queue.row, queue.rank = queue.at + 1, row, string.sub(row, #queue.stem + 1)
    return
  end
  queue.row = queue.places > 0 and next_row(queue) or false
  queue.rank = queue.row and rank_of(queue, queue.row)
end

--- The queue of a source, of which `wanted` rows and one more may be asked for. `rows`: all that there are, where they are
--- known.
local function open(source, wanted, rows)
  local queue = {
    source = source, stem = source .. US, batch = wanted + 1, rows = NONE, at = 0, last = false, row = false, rank = false,
    places = math.huge, trigger = false,
  }
  local trigger = triggers.source(source)
  if trigger and trigger.limited then
    queue.trigger, queue.places = trigger, limiting.allowance(trigger)
    if trigger.fr and queue.places > 0 then begin_turns(queue) end
  elseif rows then
    queue.rows, queue.batch = rows, math.huge
  end
  advance(queue)
  return queue
end

--- Whether a crew runs a source. A chore that needs no source's code is every worker's, also of one that has no source yet.
local function runs(crew, source)
  if chores.is(source) and not string.find(source, '/', 1, true) then return crew ~= '@control' end
  return string.find(partition.crews(source), '|' .. crew .. '|', 1, true) ~= nil
end

--- The queues of the sources that the crew runs, of rows that are all there are.
local function open_few(crew, wanted, rows)
  local found, sources, by_source = {}, {}, {}
  for _, row in ipairs(rows) do
    local source = string.match(row, FIRST)
    local own = by_source[source]
    if not own then
      own, sources[#sources + 1] = {}, source
      by_source[source] = own
    end
    own[#own + 1] = row
  end
  partition.load_crews(sources)
  for _, source in ipairs(sources) do
    if runs(crew, source) then found[#found + 1] = open(source, wanted, by_source[source]) end
  end
  return found
end

--- The same by a skip scan over the ready set from `cursor` on, so that what others run, and what nothing runs, costs one
--- look-up.
local function scan(crew, wanted, cursor)
  local found, from, wrapped = {}, '[' .. cursor, cursor == ''
  for _ = 1, SCAN do
    local row = first_row(from, '+')
    local source = row and string.match(row, FIRST)
    if not row or wrapped and cursor ~= '' and source >= cursor then
      if wrapped then break end
      from, wrapped = '-', true
    else
      if runs(crew, source) then found[#found + 1] = open(source, wanted) end
      from = '(' .. source .. US .. LAST
    end
  end
  return found
end

--- The queues of each source the crew runs. `cursor`: the source to begin with, where there are many.
function queueing.open(crew, wanted, cursor)
  local rows = redis.call('ZRANGEBYLEX', READY, '-', '+', 'LIMIT', 0, FEW)
  if #rows < FEW then return open_few(crew, wanted, rows) end
  return scan(crew, wanted, cursor)
end

--- The queue whose first row is best: priority, then rating, then age, then name.
local function best(queues)
  local found
  for _, queue in ipairs(queues) do
    if queue.rank and (not found or queue.rank < found.rank) then found = queue end
  end
  return found
end

--- Takes the best rows over all sources: at most `wanted`, and the queue of each.
function queueing.pick(queues, wanted)
  local rows, origins = {}, {}
  for i = 1, wanted do
    local first = best(queues)
    if not first then break end
    rows[i], origins[i], first.places = first.row, first, first.places - 1
    advance(first)
  end
  return rows, origins
end

--- A row that was picked has not started: another may in its place.
function queueing.give_back(queue)
  queue.places = queue.places + 1
  if not queue.row then advance(queue) end
end

--- The sources left with work that may start. Limits that are reached say when more may.
function queueing.left(queues)
  local left = {}
  for _, queue in ipairs(queues) do
    if queue.row then left[queue.source] = true end
    if queue.trigger and queue.places < 1 then limiting.allowance(queue.trigger) end
  end
  return left
end
