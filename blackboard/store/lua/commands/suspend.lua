-- Pauses or resumes a source on all boards: no worker claims its activations meanwhile.
--
-- KEYS    partition keys
-- ARGV    now, source ('*': all), on (1: pause, 0: resume), author, reason
-- returns 'ok' | 'done' (it was so already) | 'absent' (there is no such source)
-- repeat  harmless

--- @include "arguments"
--- @include "codec"
--- @include "lexset"
--- @include "partition"
--- @include "suspending"

local now, source, on = arguments.now(), arguments.next(), arguments.number() == 1
return suspending.suspend(source, on, string.format('%d', now), arguments.next(), arguments.next())
