-- Standing grants: what a strategy has said beforehand that it would grant next.
--
-- A strategy that was shown one open activation, and granted it, may say which source it would grant if that has fired and one
-- activation is all that is open then, and what it would remember; and so on, step by step. When it comes to be so, the
-- commit grants it, under the same epoch, and nobody need be asked. Whatever else happens rouses a controller, as ever, and
-- its next decision replaces what was said. It is good for a while only: a board must not go on for long without controllers.
--
-- A board keeps `epoch of control, epoch of the claim that was decided, controller, why, until when (source, state…)…`, RS
-- behind each; in a state, US stands for the number of what is granted. The epochs tell whether the last decision said so.

local standing = {}
--- @private
local TO_RS = '([^' .. RS .. ']*)' .. RS
local SAID, NEXT = '^(' .. TO_RS .. TO_RS .. TO_RS .. TO_RS .. TO_RS .. ')(.*)$', '^' .. TO_RS .. TO_RS .. '(.*)$'
local TRIGGERED, FIRED = 84, 70
local WRITTEN = { [80] = true, [82] = true, [88] = true } -- posted, revised, retracted

--- Keeps what a decision says of the next, `until when (source, state…)…`; `activation` is that of control, and its PART
--- says whether the decision that counts said anything.
function standing.keep(ctx, decision, activation)
  activation[PART] = 0
  if decision.standing == '' or ctx.gate ~= '-' or #decision.grants ~= 1 then return end
  activation[PART] = 1
  local head = DIGITS[ctx.control] .. RS .. DIGITS[decision.epoch] .. RS .. decision.owner .. RS .. decision.grants[1].why .. RS
  board.note(ctx, 'standing', head .. decision.standing)
end

--- The epoch of the claim by which a controller said what comes next, if nothing has roused control since; else nil.
local function last_word(ctx)
  if ctx.mode ~= 'o' or ctx.gate ~= '-' or ctx.status ~= 'open' or control.is_overdue(ctx) then return nil end
  local activation = partition.activation(control.field(ctx))
  return activation and activation[STATE] == 'd' and activation[PART] == 1 and activation[EPOCH] or nil
end

--- The identity of what was triggered, if all that happened on a board is that one activation has fired, what it wrote, and
--- that one was triggered; else nil.
local function succession(ctx)
  local identity, fired = nil, false
  for i = 1, ctx.happened do
    local letter = string.byte(ctx.events[i])
    if letter == TRIGGERED and not identity then
      identity = board.triggered(ctx.events[i])
    elseif letter == FIRED and not fired then
      fired = true
    elseif not WRITTEN[letter] then
      return nil
    end
  end
  return fired and identity
end

--- Grants what has come to be open on a board, if that is what was to come.
local function follow(ctx)
  local claim = last_word(ctx)
  local identity = claim and succession(ctx)
  local field = identity and ctx.id .. RS .. identity
  local activation = field and partition.activation(field)
  if not activation or activation[STATE] ~= 'u' or lexset.count(board.agenda(ctx), '') ~= 1 then return end
  local said = redis.call('HGET', ctx.meta, 'standing') or ''
  local head, epoch, of_claim, owner, why, good_until, rest = string.match(said, SAID)
  if not head or NUMBERS[epoch] ~= ctx.control or NUMBERS[of_claim] ~= claim then return end
  if board.now >= (NUMBERS[good_until] or 0) then return end -- what cannot be read back counts no more
  local source, memo, later = string.match(rest, NEXT)
  if source ~= codec.source(identity) then return end
  board.note(ctx, 'memo', (string.gsub(memo, US, DIGITS[activation[NUMBER]])))
  board.note(ctx, 'seen', DIGITS[ctx.seq])
  board.note(ctx, 'standing', head .. later)
  control.spare(ctx)
  agenda.grant(ctx, field, identity, activation, owner, why)
end

--- Looks at the boards of a call, once everything is applied.
function standing.look()
  for _, ctx in ipairs(board.all) do
    if ctx.happened > 0 then follow(ctx) end
  end
end
