-- A board meets sources that were registered after its entries were posted.

local rematching = {}
--- @private

--- Puts a memory's member when the store lacks it.
local function remember(ctx, member)
  local staged = board.memory(ctx).staged and board.memory(ctx).staged[member] ~= nil
  if member and not staged and not redis.call('ZSCORE', ctx.memory_key, member) then
    lexset.put(board.memory(ctx), member, true)
  end
end

local function remember_entry(ctx, revision, entry)
  shapes.meet(ctx, entry)
  if not codec.key(entry.address) then return end
  local kind = codec.kind(entry.address)
  for _, trigger in ipairs(triggers.of(kind)) do
    if trigger.rv > ctx.rev and trigger.rv <= revision then
      for _, list in ipairs({ trigger.p or {}, trigger.c or {} }) do
        for _, pattern in ipairs(list) do
          if pattern.k == kind and not pattern.u then remember(ctx, binding.member(entry, pattern)) end
        end
      end
    end
  end
end

--- The memories that the patterns of a trigger read.
local function note_memories(trigger, into)
  for _, list in ipairs({ trigger.p or {}, trigger.c or {} }) do
    for _, pattern in ipairs(list) do if not pattern.u then into[pattern.a] = true end end
  end
end

--- A memory that nothing kept up to date may be left from a source that was registered differently in between: what is in
--- it is dropped, once per revision. Returns whether there was any.
function rematching.clear(ctx, revision)
  local cleared = tonumber(redis.call('HGET', ctx.meta, 'cleared') or 0)
  if cleared >= revision then return false end
  local known, kept, new, dropped = math.max(cleared, ctx.rev), { }, {}, false
  for _, name in ipairs(redis.call('HKEYS', SOURCES)) do
    local trigger = triggers.source(name)
    if trigger and trigger.rv <= known then
      note_memories(trigger, kept)
    elseif trigger and trigger.rv <= revision then
      note_memories(trigger, new)
    end
  end
  for alpha in pairs(new) do
    local always = string.sub(alpha, 1, 1) ~= '~' -- the memory of a whole kind
    if not kept[alpha] and not always then
      for _, member in ipairs(lexset.range(board.memory(ctx), alpha .. US)) do
        lexset.put(board.memory(ctx), member, false)
        dropped = true
      end
    end
  end
  board.note(ctx, 'cleared', revision)
  return dropped
end

--- One slice of the entries fills the memories. Returns the next cursor, '0' at the end.
function rematching.fill(ctx, revision, cursor, slice)
  local reply = redis.call('HSCAN', ctx.entries, cursor, 'COUNT', slice)
  for i = 1, #reply[2], 2 do
    remember_entry(ctx, revision, codec.entry(reply[2][i], reply[2][i + 1]))
  end
  return reply[1]
end

--- The memories are whole: the new triggers count from now on.
function rematching.enable(ctx, revision)
  local before = ctx.rev
  ctx.rev, ctx.touched = revision, true
  for _, name in ipairs(redis.call('HKEYS', SOURCES)) do
    local trigger = triggers.source(name)
    if trigger and trigger.rv > before and trigger.rv <= revision then matching.reconsider(ctx, trigger, ctx.seq, true) end
  end
  matching.quiesce(ctx, '', 1)
end
