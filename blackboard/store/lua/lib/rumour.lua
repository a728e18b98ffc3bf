-- What is told to those who watch a board: that something of interest to them has happened. Advisory: it may be lost, and
-- carries no data.
--
-- A board has a channel for each thing that can be waited for: `board:log` for any event, `board:log/kind` for a change of a
-- kind, `board:log.` for rest or end, `board:log!` for the end. So nobody is woken by what is nothing to them; a waiter that is
-- woken in vain costs the server a message, and the machine the time that somebody else would have worked.

local rumour = {}
--- @private
local ASKED_AT_ONCE = 4000

--- Whether anybody who runs watches any board of the partition: each keeps one channel while it lives. Where that cannot be
--- told (a server without functions may be one of a cluster, and knows of its own listeners only), they may.
local function is_heard()
  if not IN_LIBRARY then return true end
  local answer = redis.pcall('PUBSUB', 'NUMSUB', partition.tag .. 'watch')
  return answer.err ~= nil or answer[2] ~= 0
end

--- Adds the channels of those whom a board's changes concern, and with each what is said there.
local function address(ctx, channels, words)
  local base, over = partition.tag .. 'b:' .. ctx.id .. ':log', ctx.status == 'closed' or ctx.status == 'aborted'
  local rests = over or ctx.busy + ctx.closing == 0
  local said, n = over and '!' or rests and '.' or '-', #channels
  channels[n + 1] = base
  for kind in pairs(ctx.kinds or NONE) do
    said = said .. ' ' .. kind
    channels[#channels + 1] = base .. '/' .. kind
  end
  if rests then channels[#channels + 1] = base .. '.' end
  if over then channels[#channels + 1] = base .. '!' end
  for i = n + 1, #channels do words[i] = said end
end

--- How many listen to each of these channels (`channel, number, …`); nil where that cannot be told.
local function listeners(channels)
  if not IN_LIBRARY or #channels > ASKED_AT_ONCE then return nil end
  local answer = redis.pcall('PUBSUB', 'NUMSUB', unpack(channels))
  return not answer.err and answer or nil
end

--- Tells whoever watches these boards what is worth a look.
function rumour.tell(boards)
  if boards[1] == nil or not is_heard() then return end
  local channels, words = {}, {}
  for _, ctx in ipairs(boards) do address(ctx, channels, words) end
  local heard = listeners(channels)
  for i, channel in ipairs(channels) do
    if not heard or heard[2 * i] ~= 0 then redis.pcall('PUBLISH', channel, words[i]) end
  end
end
