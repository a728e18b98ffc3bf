"""The URL of a store, taken apart: which kind of deployment, where, and as whom."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from blackboard.errors import StoreRefused

__all__ = ["Address", "Deployment", "parse_address", "without_secrets"]


class Deployment(Enum):
    """How the servers behind a URL are arranged."""

    MEMORY = "memory"
    SOCKET = "socket"
    SERVER = "server"
    SENTINEL = "sentinel"
    CLUSTER = "cluster"


_SCHEMES: Mapping[str, tuple[Deployment, bool]] = {  # with or without TLS
    "memory": (Deployment.MEMORY, False),
    "unix": (Deployment.SOCKET, False),
    "redis": (Deployment.SERVER, False),
    "rediss": (Deployment.SERVER, True),
    "redis+sentinel": (Deployment.SENTINEL, False),
    "rediss+sentinel": (Deployment.SENTINEL, True),
    "redis+cluster": (Deployment.CLUSTER, False),
    "rediss+cluster": (Deployment.CLUSTER, True),
}

_EXAMPLES = (
    "Use one of redis://host:6379/0, rediss://host:6379/0 (TLS), unix:///path/to/socket, "
    "redis+sentinel://host1:26379,host2:26379/service, redis+cluster://host1:6379,host2:6379, memory://name"
)


def _flag(text: str) -> bool:
    return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}[text.lower()]


# What a query string may set. How to retry, which protocol to speak and how to decode is not among it: the whole
# library rests on those, and an URL must not change them.
_OPTIONS: Mapping[str, Callable[[str], object]] = {
    "db": int,
    "username": str,
    "password": str,
    "sentinel_username": str,
    "sentinel_password": str,
    "ssl_ca_certs": str,
    "ssl_certfile": str,
    "ssl_keyfile": str,
    "ssl_cert_reqs": str,
    "ssl_check_hostname": _flag,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a store is, as data."""

    deployment: Deployment
    shown: str
    """The URL without its secrets, for messages and logs."""
    tls: bool = False
    nodes: tuple[tuple[str, int], ...] = ()
    """Host and port of the server, of the sentinels, or of some nodes of the cluster."""
    path: str = ""
    """The path of the unix socket."""
    name: str = ""
    """The service that the sentinels watch, or the name of a shared store in memory."""
    options: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    """User, password, database number and TLS files, by the names that redis-py gives them."""


def parse_address(url: str) -> Address:
    """Take a URL apart.

    Raises StoreRefused, with the problem and examples that work, when the URL does not name a store.
    """
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise _refusal(url, "the URL cannot be read") from error
    if "://" not in url or parts.scheme not in _SCHEMES:
        raise _refusal(url, "the URL does not start with the scheme of a store")
    if parts.fragment:
        raise _refusal(url, "the URL has a fragment (a # in a password is written %23)")
    return _READERS[_SCHEMES[parts.scheme][0]](url, parts)


def without_secrets(url: str) -> str:
    """Return the URL without user, password and query, for messages and logs."""
    # Up to the last @, so that a password is hidden even where it was not quoted as it should be.
    bare = url if url.startswith("unix:///") else re.sub(r"//.*@", "//***@", url)
    return bare.partition("?")[0]


def _memory(url: str, parts: SplitResult) -> Address:
    return Address(deployment=Deployment.MEMORY, shown=without_secrets(url), name=unquote(parts.netloc + parts.path))


def _socket(url: str, parts: SplitResult) -> Address:
    path = unquote(parts.path)
    if parts.netloc.rpartition("@")[2] or len(path) < 2:
        raise _refusal(url, "the path of a unix socket is absolute: three slashes follow unix:")
    return Address(deployment=Deployment.SOCKET, shown=without_secrets(url), path=path, options=_options(url, parts))


def _server(url: str, parts: SplitResult) -> Address:
    nodes = _nodes(url, parts, 6379)
    if len(nodes) > 1:
        raise _refusal(url, "the URL names several hosts; only redis+sentinel:// and redis+cluster:// can")
    options = _database(url, parts.path.strip("/")) | _options(url, parts)
    return _at_hosts(url, parts, nodes, options)


def _sentinel(url: str, parts: SplitResult) -> Address:
    service, _, database = parts.path.strip("/").partition("/")
    if not service:
        raise _refusal(url, "the URL lacks the name of the service that the sentinels watch")
    options = _database(url, database) | _options(url, parts)
    return _at_hosts(url, parts, _nodes(url, parts, 26379), options, unquote(service))


def _cluster(url: str, parts: SplitResult) -> Address:
    options = _database(url, parts.path.strip("/")) | _options(url, parts)
    if options.pop("db", 0):
        raise _refusal(url, "a cluster has only the database 0")
    return _at_hosts(url, parts, _nodes(url, parts, 6379), options)


_READERS: Mapping[Deployment, Callable[[str, SplitResult], Address]] = {
    Deployment.MEMORY: _memory,
    Deployment.SOCKET: _socket,
    Deployment.SERVER: _server,
    Deployment.SENTINEL: _sentinel,
    Deployment.CLUSTER: _cluster,
}


def _at_hosts(
    url: str,
    parts: SplitResult,
    nodes: tuple[tuple[str, int], ...],
    options: Mapping[str, object],
    name: str = "",
) -> Address:
    deployment, tls = _SCHEMES[parts.scheme]
    shown = without_secrets(url)
    return Address(deployment=deployment, shown=shown, tls=tls, nodes=nodes, options=options, name=name)


def _nodes(url: str, parts: SplitResult, default_port: int) -> tuple[tuple[str, int], ...]:
    return tuple(_node(url, text, default_port) for text in parts.netloc.rpartition("@")[2].split(","))


def _node(url: str, text: str, default_port: int) -> tuple[str, int]:
    try:
        part = urlsplit(f"//{text}")
        host, port = part.hostname, part.port
    except ValueError as error:
        raise _refusal(url, "the URL names a host or a port that cannot be") from error
    if not host:
        raise _refusal(url, "the URL lacks a host")
    return host, default_port if port is None else port


def _database(url: str, text: str) -> dict[str, object]:
    if not text:
        return {}
    if not (text.isascii() and text.isdigit()):
        raise _refusal(url, "the path of the URL is not the number of a database")
    return {"db": int(text)}


def _options(url: str, parts: SplitResult) -> dict[str, object]:
    user, _, password = parts.netloc.rpartition("@")[0].partition(":")
    given = {"username": unquote(user), "password": unquote(password)}
    options: dict[str, object] = {name: value for name, value in given.items() if value}
    allowed = _allowed(*_SCHEMES[parts.scheme])
    for name, text in parse_qsl(parts.query, keep_blank_values=True):
        if name not in allowed:
            raise _refusal(url, f"the URL sets {name!r}; with {parts.scheme}:// it may set {', '.join(allowed)}")
        try:
            options[name] = _OPTIONS[name](text)
        except (ValueError, KeyError) as error:
            raise _refusal(url, f"the URL sets {name} to something that it cannot be") from error
    return options


def _allowed(deployment: Deployment, tls: bool) -> list[str]:
    foreign = [prefix for prefix, fits in (("ssl_", tls), ("sentinel_", deployment is Deployment.SENTINEL)) if not fits]
    return [name for name in _OPTIONS if not name.startswith(tuple(foreign))]


def _refusal(url: str, problem: str) -> StoreRefused:
    # No part of the URL is quoted in the problem: a password that was not escaped may turn up as any of them.
    return StoreRefused(without_secrets(url) or "(no URL)", problem, _EXAMPLES)
