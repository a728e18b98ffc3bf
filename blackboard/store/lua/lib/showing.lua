-- Showing: what a controller sees of a board that it has claimed.
--
-- A board is shown as it is written down, without being opened: whoever claims has written down all else before. The
-- agendas of all boards that are shown in one call are read at its end, with one call for all.

local showing = {}
--- @private
local VIEW, NEWS = 5000, 1000 -- activations and events that a controller is shown
local AT_ONCE = 1000

local unfilled -- the agendas that are still to be read: what they are to be filled into, and the fields they stand for

at_beginning(function() unfilled = NONE end)

--- The identities that a controller is shown. Of an agenda that is longer than the view, every source has its share: what
--- comes last by name must not stay out of sight for ever.
local function in_view(key)
  local identities = redis.call('ZRANGE', key, 0, VIEW) -- one more than is shown
  if #identities <= VIEW then return identities end
  local sources, from = {}, '-'
  identities = {}
  repeat
    local first = redis.call('ZRANGEBYLEX', key, from, '+', 'LIMIT', 0, 1)[1]
    if first then
      sources[#sources + 1] = codec.source(first) .. RS
      from = '(' .. sources[#sources] .. LAST
    end
  until not first
  local share = math.max(1, math.floor(VIEW / #sources))
  for _, stem in ipairs(sources) do
    for _, identity in ipairs(redis.call('ZRANGEBYLEX', key, '[' .. stem, '(' .. stem .. LAST, 'LIMIT', 0, share)) do
      identities[#identities + 1] = identity
    end
  end
  return identities
end

--- What a board is shown as: its last event, and `epoch, gate, time, strategy, its state, the last event it knows, the agenda
--- (identity, text, …), the number of the first event that is news, news…`. The agenda is empty until `showing.fill`.
function showing.of(id)
  local stem = partition.tag .. 'b:' .. id .. ':'
  local known = redis.call('HMGET', stem .. 'meta', 'state', 'strategy', 'memo', 'seen')
  local seq, gate, epoch = board.steering(id, known[1])
  local seen, list = NUMBERS[known[4] or '0'], {}
  if unfilled == NONE then unfilled = {} end
  unfilled[#unfilled + 1] = { list, id .. RS, in_view(stem .. 'agenda') }
  local from = math.max(seen, seq - NEWS)
  local news = redis.call('LRANGE', stem .. 'log', from, seq - 1)
  return seq, { epoch, gate, board.now, known[2] or '', known[3] or '', seen, list, from + 1, news }
end

--- Reads activations, and puts each behind its identity into the agenda that it is shown in.
local function fill_some(lists, identities, fields)
  for i, text in ipairs(redis.call('HMGET', ACTIVATIONS, unpack(fields))) do
    local list = lists[i]
    if text then list[#list + 1], list[#list + 2] = identities[i], text end
  end
end

--- Reads the agendas of all boards that were shown.
function showing.fill()
  local lists, identities, fields, n = {}, {}, {}, 0
  for _, one in ipairs(unfilled) do
    for _, identity in ipairs(one[3]) do
      n = n + 1
      lists[n], identities[n], fields[n] = one[1], identity, one[2] .. identity
      if n == AT_ONCE then
        fill_some(lists, identities, fields)
        lists, identities, fields, n = {}, {}, {}, 0
      end
    end
  end
  if n > 0 then fill_some(lists, identities, fields) end
end
