-- What a running activation records of itself, so that another run of it goes on where this one was.
--
-- A record is `kind US name US arguments US binding US result`: what was called, with which arguments (their fingerprint), bound
-- to which versions (theirs), and what came of it (JSON). Place 0 is no step but what was said of its progress: `mark US JSON`.

local recording = {}
--- @private

--- Reads a record from ARGV: `drop, place, most, kind, name, arguments, binding, delay, result`. `drop` (0: none) is the place
--- from which on earlier records are dropped, `place` (0: none) where the new one is kept. With a delay (else -1) the result is
--- the time that lies so far ahead.
function recording.read()
  local record = { drop = arguments.number(), place = arguments.number(), most = arguments.number() }
  local kind, name = arguments.next(), arguments.next()
  record.name, record.stem = name, table.concat({ kind, name, arguments.next(), arguments.next() }, US) .. US
  record.delay, record.result = arguments.number(), arguments.next()
  return record
end

local function kept(claim, place) return board.recorded(claim.board, codec.source(claim.identity), claim.number, place) end

local function keep(claim, place, text) board.record(claim.board, codec.source(claim.identity), claim.number, place, text) end

--- The answer to a call that recorded something: `wake` is the time of a delay, or 0.
function recording.answer(ctx, wake, writes)
  local reply = { 'ok', board.now, wake }
  for i, write in ipairs(writes) do
    local entry = board.entry(ctx, write.address)
    reply[i + 3] = entry and entry.version or 0
  end
  return reply
end

--- The answer to a record that is kept already, by an earlier call of the same; or nil.
function recording.repeated(claim, record, writes)
  if record.place == 0 then return nil end
  local text = kept(claim, record.place)
  if not text or string.sub(text, 1, #record.stem) ~= record.stem then return nil end
  local result = string.sub(text, #record.stem + 1)
  if record.delay < 0 and result ~= record.result then return nil end
  return recording.answer(claim.board, record.delay >= 0 and tonumber(result) or 0, writes)
end

--- Why a record cannot be kept, as {code, limit, maximum, value}, or nil.
function recording.objection(record, bounds)
  if record.place > record.most then return { 'overloaded', 'records', record.most, record.place } end
  if #record.result > bounds.bytes then return { 'overloaded', 'entry_bytes', bounds.bytes, #record.result } end
  return nil
end

--- Keeps a record, and drops those that it says. An activation that gets on is no poison: its crashes count anew.
function recording.keep(claim, activation, record)
  local ctx = claim.board
  if record.drop > 0 then agenda.forget(ctx, claim.identity, activation, record.drop) end
  if record.place > 0 then
    local result = record.delay < 0 and record.result or string.format('%d', board.now + record.delay)
    keep(claim, record.place, record.stem .. result)
    activation[RECORDED], activation[CRASHES] = math.max(activation[RECORDED], record.place + 1), 0
    board.event(ctx, 'S', claim.owner, claim.identity, claim.number, record.place, record.name)
  end
  partition.put(claim.field, activation)
  ctx.touched = true
end

--- Whether this was said before, in an earlier call of the same: `mark` tells the calls of an activation apart.
function recording.is_said(claim, mark)
  local text = kept(claim, 0)
  return text and string.match(text, '^[^' .. US .. ']*') == mark
end

--- Notes how far an activation is (JSON, '': as before), and says its lines.
function recording.say(claim, activation, mark, progress, lines)
  local ctx = claim.board
  local before = kept(claim, 0)
  if progress == '' then progress = before and string.match(before, US .. '(.*)$') or '' end
  keep(claim, 0, mark .. US .. progress)
  activation[RECORDED] = math.max(activation[RECORDED], 1)
  for _, line in ipairs(lines) do board.event(ctx, 'L', claim.owner, claim.identity, claim.number, line) end
  partition.put(claim.field, activation)
end

--- Whether something that an activation waits for has happened: `awaited` is address, version, address, version, …
function recording.has_news(ctx, awaited)
  for i = 1, #awaited, 2 do
    local entry = board.entry(ctx, awaited[i])
    if (entry and entry.version or 0) ~= tonumber(awaited[i + 1]) then return true end
  end
  return false
end
