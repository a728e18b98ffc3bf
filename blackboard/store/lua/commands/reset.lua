-- A person or a program closes the breaker of a source: its failures are forgotten.
--
-- KEYS    partition keys
-- ARGV    now, source, author, reason
-- returns 'ok' | 'done' (there was nothing to forget) | 'absent' (there is no such source)
-- repeat  closing what is closed changes nothing

--- @include "arguments"
--- @include "codec"
--- @include "lexset"
--- @include "partition"
--- @include "rumour"
--- @include "board"
--- @include "condition"
--- @include "triggers"
--- @include "limiting"

board.now = arguments.now()
local source, author, reason = arguments.next(), arguments.next(), arguments.next()
if not triggers.source(source) then return 'absent' end
if not limiting.reset(source, author, reason) then return 'done' end
partition.flush()
partition.wake(partition.awake)
return 'ok'
