-- Forgets a source that was unregistered: its card, who runs it, its pause, and where its limits stand. Its trigger, which can
-- never hold, stays.
--
-- KEYS    partition keys
-- ARGV    source, trigger
-- returns 'ok' | 'again' (a program has registered another trigger of this source meanwhile)
-- repeat  harmless

--- @include "arguments"
--- @include "codec"
--- @include "lexset"
--- @include "partition"
--- @include "condition"
--- @include "triggers"
--- @include "suspending"
--- @include "registering"

local source, trigger = arguments.next(), arguments.next()
return registering.forget(source, trigger)
