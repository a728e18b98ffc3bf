-- Registers sources: their cards, and their triggers by the kinds they concern. A trigger that is new or has changed
-- counts the revision up; boards matched to an older revision are matched again by `rematch`.
--
-- KEYS    partition keys
-- ARGV    crew, source count, (name, card, trigger, kind count, kind…)…
-- returns {revision, changed source…}
-- repeat  registering what is registered changes nothing

--- @include "arguments"
--- @include "codec"
--- @include "lexset"
--- @include "partition"
--- @include "condition"
--- @include "triggers"
--- @include "suspending"
--- @include "registering"

local crew = arguments.next()
local cards = {}
for i = 1, arguments.number() do
  cards[i] = { name = arguments.next(), card = arguments.next(), trigger = arguments.next(), kinds = arguments.list() }
end
return registering.register(crew, cards)
