"""The store: one namespace in Redis or Valkey, and the Lua that keeps its promises."""
