-- The dialect of our scripts: Lua 5.1 with only what Redis, Valkey and fakeredis all offer and all answer alike.
-- What is checked is the assembled text of each command, as the server receives it.

stds.script = {
  read_globals = {
    "KEYS", "ARGV",
    -- language
    "assert", "error", "ipairs", "next", "pairs", "pcall", "select", "setmetatable", "tonumber", "tostring", "type",
    "unpack",
    string = {
      fields = { "byte", "char", "find", "format", "gmatch", "gsub", "len", "lower", "match", "rep", "reverse", "sub", "upper" },
    },
    table = { fields = { "concat", "insert", "remove", "sort" } },
    -- no math.random: a script gives the same answer whenever it is repeated
    math = { fields = { "abs", "ceil", "floor", "fmod", "huge", "max", "min" } },
    -- server; no sha1hex, bit, struct or cmsgpack: fakeredis lacks them
    redis = {
      fields = {
        "call", "pcall", "register_function", "error_reply", "status_reply", "log", "LOG_DEBUG", "LOG_VERBOSE", "LOG_NOTICE", "LOG_WARNING",
      },
    },
    cjson = { fields = { "decode", "encode", "null" } },
  },
}

std = "script"
allow_defined = false -- a global of one script outlives it: none is ever set
max_line_length = 130
codes = true

ignore = {
  "211", -- unused local: a command takes an include whole and need not call all of it
  "231", -- the keys of a partition are set as one list, whatever a command uses of them
  "241", -- table filled and never read: the same, for the table that an include defines
}
