-- Sources that are paused on all boards.
--
-- In `crews`, a `!` before the crews of a source keeps them from it; the field `!source` says since when, by whom and why
-- (`time US author US reason`), `!*` the same of all sources at once. `acts` keeps the latest of such acts.

local suspending = {}
--- @private
local ALL, KEPT = '*', 1000

local function is_off(source) return redis.call('HEXISTS', CREWS, '!' .. source) == 1 end

--- The crews of a source as they must be written: barred, or not.
local function crews_of(source, off)
  local crews = redis.call('HGET', CREWS, source) or '|'
  local bare = string.gsub(crews, '^!', '')
  return off and '!' .. bare or bare
end

local function concerned(source)
  if source ~= ALL then return { source } end
  return redis.call('HKEYS', SOURCES)
end

function suspending.suspend(source, on, now, author, reason)
  if source ~= ALL and redis.call('HEXISTS', SOURCES, source) == 0 then return 'absent' end
  if is_off(source) == on then return 'done' end
  local words = {}
  for _, name in ipairs(concerned(source)) do
    local off = on or (source == ALL and is_off(name)) or (source ~= ALL and is_off(ALL))
    words[#words + 1], words[#words + 2] = name, crews_of(name, off)
    partition.awake[name] = not off or nil
  end
  local act = now .. US .. author .. US .. reason
  if on then words[#words + 1], words[#words + 2] = '!' .. source, act end
  many('HSET', CREWS, words)
  if not on then redis.call('HDEL', CREWS, '!' .. source) end
  redis.call('RPUSH', ACTS, (on and 'paused' or 'resumed') .. US .. source .. US .. act)
  redis.call('LTRIM', ACTS, -KEPT, -1)
  partition.wake(partition.awake)
  return 'ok'
end

--- Whether a source that is registered now is paused from the start.
function suspending.is_off(source) return is_off(source) or is_off(ALL) end
