-- How entries, activations and identities are written down as strings.
--
-- Control characters never occur in names, keys, board ids or JSON, so two of them separate fields:
-- US between the fields of one thing, RS between the parts of an identity.

local US, RS, LAST = '\31', '\30', '\255'
local codec = {}

-- An activation is a list of its facts; these are their places. (A table with twenty names takes four times the memory,
-- and making tables is most of what a script costs.)
local STATE, NUMBER, CAUSE, DEPTH, PRIORITY, SINCE, DUE_AT, ATTEMPTS, CRASHES, EPOCH, OWNER = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
local MARK, SNAPSHOT, DIRTY, PART, QUIESCENT, STARTED, OWN, RATING, GRANTED, HANDED = 12, 13, 14, 15, 16, 17, 18, 19, 20, 21
local BID, RECORDED, UNSURE, BOUND, TOKEN, NOTE, PROBLEM = 22, 23, 24, 25, 26, 27, 28
--- @private
local PIECES_KEPT, RECORDS_KEPT = 512, 512

-- Patterns, made once.
local TO_US = '([^' .. US .. ']*)' .. US
local FIELDS = '^' .. TO_US .. TO_US .. TO_US .. TO_US .. '(.*)$'
local ADDRESSES, ADDRESS = RS .. '(.*)$', '[^' .. RS .. ']+'
local HEAD, AFTER_TOKEN = '^[^' .. RS .. ']*', '^[^' .. US .. ']*' .. US .. '[^' .. US .. ']*' .. US .. '()' .. US
local UNSURE_OF = '^[^%]]*,(%d)%]' .. US
local NOTHING_BEHIND = ']' .. US .. US .. US
local CONTROL_TAIL = ',"-",0,0,0,0,0,0]' .. US .. US .. US .. US
local BOARD = '^([^' .. RS .. ']+)' .. RS .. '(.*)$'
local TILDE, AT = 126, 64

--- An entry is `version seq depth schema payload`.
function codec.entry(address, text)
  local version, seq, depth, schema, at = string.match(text, '^(%d+) (%d+) (%d+) (%d+) ()')
  return {
    address = address, version = NUMBERS[version], seq = NUMBERS[seq], depth = NUMBERS[depth],
    schema = schema, payload = string.sub(text, at),
  }
end

function codec.entry_text(entry)
  return DIGITS[entry.version] .. ' ' .. DIGITS[entry.seq] .. ' ' .. DIGITS[entry.depth] .. ' ' .. entry.schema .. ' '
    .. entry.payload
end

--- The first piece of a text, by a pattern; that of the texts met last is kept.
local function remembering(pattern)
  local known, count = {}, 0
  return function(text)
    local piece = known[text]
    if piece then return piece end
    piece = string.match(text, pattern)
    if count >= PIECES_KEPT then known, count = {}, 0 end
    known[text], count = piece, count + 1
    return piece
  end
end

codec.kind = remembering('^[^/]+')

function codec.key(address) return string.match(address, '^[^/]+/(.*)$') end

--- An identity is `source RS address RS address …`; an activation's field puts `board RS` before it.
function codec.identity(source, addresses) return source .. RS .. table.concat(addresses, RS) end

function codec.addresses(identity)
  local list = {}
  for address in string.gmatch(string.match(identity, ADDRESSES), ADDRESS) do list[#list + 1] = address end
  return list
end

codec.source = remembering('^[^' .. RS .. ']+')

--- Whether an identity is that of a compensation, `~source RS @undo/number`.
function codec.is_undoing(identity) return string.byte(identity) == TILDE end

--- Whether a name is that of a source: not `@control`, `@a chore` or `~a compensation`.
function codec.is_plain(source)
  local first = string.byte(source)
  return first ~= AT and first ~= TILDE
end

--- The source whose workers and policies an activation has: a compensation has those of what it undoes.
function codec.base(source) return string.byte(source) == TILDE and string.sub(source, 2) or source end

--- A source as people read it: a compensation undoes another.
function codec.called(source) return string.byte(source) == TILDE and 'undo:' .. string.sub(source, 2) or source end

function codec.split_field(field) return string.match(field, BOARD) end

--- The name of one place of what an activation has recorded.
function codec.record(source, number, place) return source .. RS .. DIGITS[number] .. RS .. DIGITS[place] end

-- Activations as they were written down last, and the texts: who finds a text again has its activation without decoding. It is
-- taken out, since it will be changed; so what is kept is always what its text says. (Whose text it is does not matter, then:
-- another namespace with the same field and text has the same activation.)
local kept, kept_texts, records_kept = {}, {}, 0

--- Keeps a written activation for whoever reads its text next. Nobody may hold it any more.
function codec.keep_activation(field, text, activation)
  if records_kept >= RECORDS_KEPT then kept, kept_texts, records_kept = {}, {}, 0 end
  if not kept[field] then records_kept = records_kept + 1 end
  kept[field], kept_texts[field] = activation, text
end

--- An activation is written as a JSON array of its plain facts, then the addresses bound (refire once), the value that its
--- source's limit goes by, what was said when control was handed to it, and its last error.
function codec.activation(text, field)
  if kept_texts[field] == text then
    local known = kept[field]
    kept[field], kept_texts[field], records_kept = nil, nil, records_kept - 1
    return known
  end
  local head, bound, token, note, problem = string.match(text, FIELDS)
  local activation = cjson.decode(head)
  activation[BOUND], activation[TOKEN], activation[NOTE], activation[PROBLEM] = bound, token, note, problem
  return activation
end

function codec.activation_text(a)
  local T, rated = DIGITS, a[RATING]
  return '["' .. a[1] .. '",' .. T[a[2]] .. ',' .. T[a[3]] .. ',' .. T[a[4]] .. ',' .. T[a[5]] .. ',' .. T[a[6]] .. ','
    .. T[a[7]] .. ',' .. T[a[8]] .. ',' .. T[a[9]] .. ',' .. T[a[10]] .. ',"' .. a[11] .. '",' .. T[a[12]] .. ','
    .. T[a[13]] .. ',' .. T[a[14]] .. ',' .. T[a[15]] .. ',' .. T[a[16]] .. ',' .. T[a[17]] .. ',"' .. a[18] .. '",'
    .. (rated == 0 and '0' or string.format('%.14g', rated)) .. ',' .. T[a[20]] .. ',' .. T[a[21]] .. ',' .. T[a[22]] .. ','
    .. T[a[23]] .. ',' .. T[a[24]] .. ']' .. US .. a[BOUND] .. US .. a[TOKEN] .. US .. a[NOTE] .. US .. a[PROBLEM]
end

--- The same text for an activation that was opened in this call and has changed in nothing since.
function codec.opened_text(a)
  local T, rated = DIGITS, a[RATING]
  return '["' .. a[1] .. '",' .. T[a[2]] .. ',' .. T[a[3]] .. ',' .. T[a[4]] .. ',' .. T[a[5]] .. ',' .. T[a[6]] .. ','
    .. T[a[7]] .. ',0,0,0,"-",0,0,0,0,' .. T[a[16]] .. ',0,"-",' .. (rated == 0 and '0' or string.format('%.14g', rated))
    .. ',0,0,0,0,0]' .. US .. a[BOUND] .. US .. US .. US
end

--- The same text for a control activation, of which most facts are always the same.
function codec.control_text(a)
  local T = DIGITS
  return '["' .. a[1] .. '",' .. T[a[2]] .. ',' .. T[a[3]] .. ',0,0,' .. T[a[6]] .. ',' .. T[a[7]] .. ',0,' .. T[a[9]] .. ','
    .. T[a[10]] .. ',"' .. a[11] .. '",' .. T[a[12]] .. ',' .. T[a[13]] .. ',' .. T[a[14]] .. ',' .. T[a[15]] .. ',0,'
    .. T[a[17]] .. CONTROL_TAIL
end

--- Whether its source has bid, by an activation's text.
function codec.has_bid(text) return string.match(text, ',(%d),%d+,%d%]' .. US) == '1' end

--- Whether it may have acted outside the board and nobody knows what became of that, by an activation's text.
function codec.is_unsure(text) return string.match(text, UNSURE_OF) == '1' end

--- Whether it has a place under a limit of its source, by an activation's text. (Most are bound by their names, and have none.)
function codec.has_token(text)
  return not string.find(text, NOTHING_BEHIND, 1, true) and string.find(text, AFTER_TOKEN) == nil
end

--- Whether a worker holds it: to run it, or to ask for its bid.
function codec.is_leased(activation)
  return activation[STATE] == 'x' or activation[STATE] == 'b' and activation[OWNER] ~= '-'
end

local function complement(digit) return string.char(105 - string.byte(digit)) end -- 0 ↔ 9, 1 ↔ 8, …

--- A rating as text that sorts the highest first. Most have none.
local function descending(rating)
  if rating == 0 then return 'm' end
  local text = string.format('%015.3f', math.min(math.abs(rating), 1e10))
  if rating > 0 then return 'e' .. string.gsub(text, '%d', complement) end
  return 't' .. text
end

--- Whether boards take turns with what is ready of a source (the triggers say it, where they are known).
function codec.takes_turns() return false end

--- The member of the ready set: ordered by source, then priority and rating (highest first), then age; of a `fair` source, by
--- board before rating and age.
function codec.row(field, source, priority, rating, since, fair)
  local rank, age = DIGITS[5000 - priority], DIGITS[since]
  if #rank < 4 then rank = string.rep('0', 4 - #rank) .. rank end
  if #age < 13 then age = string.rep('0', 13 - #age) .. age end
  local turn = fair and '=' .. string.match(field, HEAD) .. US or ''
  return source .. US .. rank .. US .. turn .. descending(rating) .. US .. age .. US .. field
end

function codec.ready_row(field, source, priority, rating, since)
  return codec.row(field, source, priority, rating, since, codec.takes_turns(source))
end

function codec.ready(field, source, activation)
  local fair = codec.takes_turns(source)
  return codec.row(field, source, activation[PRIORITY], activation[RATING], activation[SINCE], fair)
end

--- What fired last for an identity: the newest version it was bound to, the events of its own commits
--- (`first-last,…`; they are no news to it), and who committed it.
function codec.fired(text)
  local mark, own, token = string.match(text, '^(%d+) (%S+) (.*)$')
  return { mark = tonumber(mark), own = own, token = token }
end

function codec.fired_token(number, epoch, owner) return DIGITS[number] .. ' ' .. DIGITS[epoch] .. ' ' .. owner end

--- Whether event `seq` is one of the identity's own.
function codec.is_own(own, seq)
  for first, last in string.gmatch(own, '(%d+)-(%d+)') do
    if seq >= tonumber(first) and seq <= tonumber(last) then return true end
  end
  return false
end
