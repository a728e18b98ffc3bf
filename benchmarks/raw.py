"""The raw limit: what the same server does with a script that performs the writes an activation cannot do without.

Per activation: the entry, three events, what fired, the agenda, the open and the ready activation, the lease. Sent in groups as
large as a worker's, from one connection, with nothing decided and nothing read.
"""

from __future__ import annotations

import os
import socket
import statistics
import time

import redis

GROUP = 16

SCRIPT = """
for i = 1, tonumber(ARGV[1]) do
  local board, field = '{raw}:b' .. ARGV[2] .. '.' .. i, ARGV[2] .. '.' .. i
  redis.call('HSET', board .. ':entries', 'kind', '1 1 1 1 {"n":1}')
  redis.call('RPUSH', board .. ':log', 'F 1790000000000 worker source', 'P 1790000000000 source#1 kind 1 {"n":1}', 'T 17900 2 s')
  redis.call('HSET', board .. ':fired', 'source', '1 - 1 1 worker')
  redis.call('HSET', board .. ':meta', 'state', 'open 5 1 0 0 1 2 0')
  redis.call('ZADD', board .. ':agenda', 0, 'source')
  redis.call('HSET', KEYS[1], field, '["r",1,1,1,0,1790000000000,0,0,0,0,"-",0,0,0,0,0,0,"-"]')
  redis.call('ZADD', KEYS[2], 0, field)
  redis.call('ZREM', KEYS[2], field)
  redis.call('ZADD', KEYS[3], 1790000000000, field)
  redis.call('ZREM', KEYS[3], field)
  redis.call('ZREM', board .. ':agenda', 'source')
  redis.call('HDEL', KEYS[1], field)
end
return 1
"""


def latency(path: str, times: int = 300) -> float:
    """Milliseconds from a push to what a process does that was blocked on it and made one round trip more (median).

    The floor of what lies between a post and the first line of an agent: two calls, and another process that wakes up.
    Bare sockets, without a client library.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        _echo(path, writer, times)
        os._exit(0)
    found = []
    with socket.socket(socket.AF_UNIX) as server, os.fdopen(reader) as answers:
        server.connect(path)
        for _ in range(times):
            begun = time.monotonic()
            _call(server, b"LPUSH", b"{raw}:bell", b"1")
            found.append(1000 * (float(answers.readline()) - begun))
    os.waitpid(child, 0)
    return statistics.median(found)


def _echo(path: str, writer: int, times: int) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(path)
        for _ in range(times):
            _call(server, b"BLPOP", b"{raw}:bell", b"0")
            _call(server, b"GET", b"{raw}:nothing")
            os.write(writer, b"%.9f\n" % time.monotonic())


def _call(server: socket.socket, *words: bytes) -> None:
    server.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words))
    server.recv(4096)


def rate(path: str, activations: int = 20_000) -> float:
    """Activations per second."""
    keys = ("{raw}:activations", "{raw}:ready", "{raw}:leases")
    with redis.Redis(unix_socket_path=path) as client:
        digest = client.script_load(SCRIPT)
        begun = time.perf_counter()
        for group in range(activations // GROUP):
            client.evalsha(digest, len(keys), *keys, GROUP, group)
        seconds = time.perf_counter() - begun
        client.flushdb()
    return activations / seconds
