-- The chore `@shape/kind`: entries of a kind are brought forward, a bounded number at a time.

local reshaping = {}
--- @private

--- Reads from ARGV what entries come to, and loads those with one call.
function reshaping.read()
  local shaped = {}
  for i = 1, arguments.number() do
    shaped[i] = {
      address = arguments.next(), version = arguments.number(), found = arguments.next(), schema = arguments.next(),
      payload = arguments.next(),
    }
  end
  return shaped
end

--- Replaces what is still as it was when it was read; then everything that concerns is looked at.
function reshaping.apply(claim, shaped)
  local ctx, changes, addresses, depth = claim.board, {}, {}, 0
  for i, each in ipairs(shaped) do addresses[i] = each.address end
  board.load(ctx, addresses)
  for _, each in ipairs(shaped) do
    local old = board.entry(ctx, each.address)
    if old and old.version == each.version and old.schema == each.found then
      changes[#changes + 1] = contribution.reshape(ctx, old, each.schema, each.payload, settling.name(claim))
      depth = math.max(depth, old.depth)
    end
  end
  if changes[1] then matching.apply(ctx, changes, '', depth + 1) end
  matching.quiesce(ctx, '', depth + 1)
end

--- Ends the chore, or leaves it for later: some of it could not be done.
function reshaping.finish(claim, activation, ending, delay, problem)
  local ctx, source = claim.board, codec.source(claim.identity)
  local waits = shapes.waits(ctx, shapes.kind_of(source))
  if ending == '' then return end
  if ending == 'later' and waits then return chores.postpone(ctx, source, activation, delay, problem) end
  if waits then activation[DIRTY] = 1 end -- what came meanwhile
  chores.done(ctx, source, activation)
  matching.quiesce(ctx, '', 1)
end
