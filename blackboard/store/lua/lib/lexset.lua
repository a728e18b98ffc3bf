-- A sorted set whose members all have score 0 and are read by prefix, with the changes of this call laid over it.
-- `put` is called for real transitions only, so that counts stay exact.

--- One write command over any number of arguments (`unpack` fails from 8,000 values).
local function many(command, key, values, length)
  length = length or #values
  if length == 0 then return end
  if length <= 4000 then return redis.call(command, key, unpack(values, 1, length)) end
  for first = 1, length, 4000 do
    redis.call(command, key, unpack(values, first, math.min(first + 3999, length)))
  end
end

-- Where arguments of a write are gathered; used again for each, since making tables is most of what a script costs.
local scratch = { set = {}, removed = {} }

local lexset = {}
local COUNTS_KEPT = 16 -- of one set: each is looked at with every member that comes or goes

function lexset.new(key) return { key = key } end

--- Keeps what was counted true: a member comes or goes.
local function recount(counts, member, by)
  for prefix, count in pairs(counts) do
    if string.sub(member, 1, #prefix) == prefix then counts[prefix] = count + by end
  end
end

function lexset.put(set, member, present)
  local staged = set.staged
  if not staged then
    staged = {}
    set.staged = staged
  end
  if set.counts then recount(set.counts, member, present and 1 or -1) end
  if staged[member] == nil then
    staged[member] = present
  else
    staged[member] = nil -- back to what the store holds
  end
end

--- The members that start with `prefix`, in order.
function lexset.range(set, prefix)
  local staged, rows = set.staged, redis.call('ZRANGEBYLEX', set.key, '[' .. prefix, '(' .. prefix .. LAST)
  if not staged then return rows end
  local list = {}
  for _, row in ipairs(rows) do if staged[row] ~= false then list[#list + 1] = row end end
  for member, present in pairs(staged) do
    if present and string.sub(member, 1, #prefix) == prefix then list[#list + 1] = member end
  end
  table.sort(list)
  return list
end

--- How many members start with `prefix`: counted once in a call, and kept from there on.
function lexset.count(set, prefix)
  local count = set.counts and set.counts[prefix]
  if count then return count end
  count = redis.call('ZLEXCOUNT', set.key, '[' .. prefix, '(' .. prefix .. LAST)
  for member, present in pairs(set.staged or NONE) do
    if string.sub(member, 1, #prefix) == prefix then count = count + (present and 1 or -1) end
  end
  if not set.counts or set.counted >= COUNTS_KEPT then set.counts, set.counted = {}, 0 end
  set.counts[prefix], set.counted = count, set.counted + 1
  return count
end

function lexset.flush(set)
  if not set.staged then return end
  local added, removed, a, r = scratch.set, scratch.removed, 0, 0
  for member, present in pairs(set.staged) do
    if present then
      added[a + 1], added[a + 2], a = '0', member, a + 2
    else
      removed[r + 1], r = member, r + 1
    end
  end
  many('ZADD', set.key, added, a)
  many('ZREM', set.key, removed, r)
  set.staged = nil
end
