-- Notes what kinds look like: schemas by kind and version. All are noted, or none: each says what it expects to be there.
--
-- KEYS    partition keys
-- ARGV    count, (kind/version, text expected, '' when there is none, text)…
-- returns 'ok' | the first kind/version that another release has noted meanwhile
-- repeat  what is noted already is not expected to be otherwise

--- @include "arguments"
--- @include "codec"
--- @include "lexset"
--- @include "partition"

local noted = {}
for _ = 1, arguments.number() do
  local name, expected, text = arguments.next(), arguments.next(), arguments.next()
  local found = redis.call('HGET', SCHEMAS, name) or ''
  if found ~= expected and found ~= text then return name end
  if found ~= text then noted[#noted + 1], noted[#noted + 2] = name, text end
end
many('HSET', SCHEMAS, noted)
return 'ok'
