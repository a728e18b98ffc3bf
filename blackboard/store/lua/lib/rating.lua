-- Ratings: what orders the activations of one priority, the highest first.
--
-- A trigger's formula is {'f', pattern, path}, {'v', number} or {operator, a, b}. What cannot be computed, since a field is
-- missing or no number, or a divisor 0, rates 0.

local rating = {}
--- @private
local HIGHEST = 1e10

local operators = {
  ['+'] = function(a, b) return a + b end,
  ['-'] = function(a, b) return a - b end,
  ['*'] = function(a, b) return a * b end,
  ['/'] = function(a, b) return b ~= 0 and a / b or nil end,
}

--- The value of a formula for the entries that are bound, or nil.
local function compute(formula, bound)
  local op = formula[1]
  if op == 'v' then return formula[2] end
  if op == 'f' then
    local value = condition.value(bound[formula[2]], formula[3])
    return type(value) == 'number' and value or nil
  end
  local a, b = compute(formula[2], bound), compute(formula[3], bound)
  return a and b and operators[op](a, b)
end

--- A number as a rating: bounded, and to a thousandth, so that it is read as it was written. None rates 0.
function rating.bounded(number)
  if not number or number ~= number then return 0 end
  return math.floor(math.min(math.max(number, -HIGHEST), HIGHEST) * 1000 + 0.5) / 1000
end

--- What a trigger rates a binding.
function rating.of(trigger, bound)
  return trigger.rt and rating.bounded(compute(trigger.rt, bound)) or 0
end

--- Entries are new: its source has not bid on them, and a bid that is under way is late. `item`: what matching looks at.
function rating.forget_bid(ctx, item, activation)
  if not (item.fresh and item.trigger.bd) then return end
  agenda.rate(ctx, item.identity, activation, activation[RATING], 0)
  if activation[STATE] == 'b' then agenda.move(ctx, item.identity, activation, 'r') end
end

--- Entries may be new: they are rated again, unless its source has bid on them.
function rating.again(ctx, item, activation)
  local trigger = item.trigger
  if not (trigger.rt or trigger.bd) then return end
  rating.forget_bid(ctx, item, activation)
  if activation[BID] == 0 then agenda.rate(ctx, item.identity, activation, rating.of(trigger, item.bound), 0) end
  agenda.rebid(ctx, item.identity, activation)
end
