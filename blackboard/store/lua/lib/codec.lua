-- How entries, activations and identities are written down as strings.
--
-- Control characters never occur in names, keys, board ids or JSON, so two of them separate fields:
-- US between the fields of one thing, RS between the parts of an identity.

local US, RS, LAST = '\31', '\30', '\255'
local codec = {}

-- Patterns, made once.
local FIELDS = '^([^' .. US .. ']*)' .. US .. '([^' .. US .. ']*)' .. US .. '(.*)$'
local SOURCE, ADDRESSES, ADDRESS = '^[^' .. RS .. ']+', RS .. '(.*)$', '[^' .. RS .. ']+'
local BOARD = '^([^' .. RS .. ']+)' .. RS .. '(.*)$'

--- An entry is `version seq depth schema payload`.
function codec.entry(address, text)
  local version, seq, depth, schema, at = string.match(text, '^(%d+) (%d+) (%d+) (%d+) ()')
  return {
    address = address, version = tonumber(version), seq = tonumber(seq), depth = tonumber(depth),
    schema = schema, payload = string.sub(text, at),
  }
end

function codec.entry_text(entry)
  return string.format('%d %d %d %s ', entry.version, entry.seq, entry.depth, entry.schema) .. entry.payload
end

function codec.kind(address) return string.match(address, '^[^/]+') end

function codec.key(address) return string.match(address, '^[^/]+/(.*)$') end

--- An identity is `source RS address RS address …`; an activation's field puts `board RS` before it.
function codec.identity(source, addresses) return source .. RS .. table.concat(addresses, RS) end

function codec.addresses(identity)
  local list = {}
  for address in string.gmatch(string.match(identity, ADDRESSES), ADDRESS) do list[#list + 1] = address end
  return list
end

function codec.source(identity) return string.match(identity, SOURCE) end

function codec.split_field(field) return string.match(field, BOARD) end

--- An activation: a JSON array of its plain facts, then the addresses bound (refire once), then its last error.
function codec.activation(text)
  local head, bound, problem = string.match(text, FIELDS)
  local f = cjson.decode(head)
  return {
    state = f[1], number = f[2], cause = f[3], depth = f[4], priority = f[5], since = f[6], due = f[7],
    attempts = f[8], crashes = f[9], epoch = f[10], owner = f[11], mark = f[12], snapshot = f[13],
    dirty = f[14], part = f[15], quiescent = f[16], started = f[17], own = f[18], bound = bound, problem = problem,
  }
end

function codec.activation_text(a)
  return string.format(
    '["%s",%d,%d,%d,%d,%d,%d,%d,%d,%d,"%s",%d,%d,%d,%d,%d,%d,"%s"]' .. US .. '%s' .. US,
    a.state, a.number, a.cause, a.depth, a.priority, a.since, a.due, a.attempts, a.crashes, a.epoch, a.owner,
    a.mark, a.snapshot, a.dirty, a.part, a.quiescent, a.started, a.own, a.bound
  ) .. a.problem
end

--- The member of the ready set: ordered by source, then priority (highest first), then age.
function codec.ready(field, source, a)
  return string.format('%s' .. US .. '%04d' .. US .. '%013d' .. US, source, 5000 - a.priority, a.since) .. field
end

--- What fired last for an identity: the newest version it was bound to, the events of its own commits
--- (`first-last,…`; they are no news to it), and who committed it.
function codec.fired(text)
  local mark, own, token = string.match(text, '^(%d+) (%S+) (.*)$')
  return { mark = tonumber(mark), own = own, token = token }
end

function codec.fired_token(a) return string.format('%d %d %s', a.number, a.epoch, a.owner) end

--- Whether event `seq` is one of the identity's own.
function codec.is_own(own, seq)
  for first, last in string.gmatch(own, '(%d+)-(%d+)') do
    if seq >= tonumber(first) and seq <= tonumber(last) then return true end
  end
  return false
end
