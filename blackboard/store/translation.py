"""The one place where what a client library raises becomes one of our errors."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator

from redis import exceptions, sentinel
from redis.asyncio import sentinel as asyncio_sentinel

from blackboard.errors import BlackboardError, StoreBusy, StoreProtocolError, StoreRefused, StoreUnreachable

__all__ = ["code_of", "translate"]

# The most special class first: the first that fits decides.
_REFUSALS: tuple[tuple[tuple[type[Exception], ...], str, str], ...] = (
    (
        (
            exceptions.AuthenticationError,
            exceptions.AuthenticationWrongNumberOfArgsError,
            exceptions.AuthorizationError,
        ),
        "it does not accept the user or the password",
        "Correct them in the URL: redis://user:password@host, quoted like any part of a URL",
    ),
    (
        (exceptions.NoPermissionError,),
        "its user may not do this",
        "Extend the rules of that user on the server (ACL SETUSER)",
    ),
    (
        (exceptions.OutOfMemoryError,),
        "its memory is full",
        "Raise maxmemory on the server, or shorten the retention of boards",
    ),
)

_BUSY: tuple[tuple[tuple[type[Exception], ...], str], ...] = (
    ((exceptions.BusyLoadingError,), "it is loading its data"),
    ((exceptions.ReadOnlyError,), "it is a replica now, and another server will take the writes"),
    ((exceptions.TryAgainError,), "the keys are being moved to another server"),
    ((exceptions.ClusterDownError,), "the cluster does not serve all slots"),
    ((exceptions.MaxConnectionsError,), "all connections of this process are in use"),
)

_CODES_BUSY = {
    "BUSY": "it is running a long script",
    "NOREPLICAS": "too few replicas are connected",
}

_UNREACHABLE = (
    exceptions.ConnectionError,
    exceptions.TimeoutError,
    exceptions.RedisClusterException,
    OSError,
)


def translate(error: Exception, url: str, command: str = "?") -> BlackboardError:
    """Return our error for one that a client library, or the network, raised while it ran `command` at `url`.

    The original is kept as the cause. Our own errors are returned as they are. `url` must not contain secrets.
    """
    if isinstance(error, BlackboardError):
        return error
    ours = _refusal(error, url) or _busy(error, url) or _unreachable(error, url)
    ours = ours or StoreProtocolError(command, str(error))
    ours.__cause__ = error
    return ours


def code_of(error: Exception) -> str:
    """Return the code of an error reply, its first word in capitals, or an empty text for any other error."""
    if not isinstance(error, exceptions.ResponseError):
        return ""
    code = error.status_code or str(error).partition(" ")[0]
    return code if code.isupper() else ""


def _refusal(error: Exception, url: str) -> BlackboardError | None:
    for cause in _causes(error):
        for classes, problem, remedy in _REFUSALS:
            if isinstance(cause, classes):
                return StoreRefused(url, f"{problem} ({cause})", remedy)
        if isinstance(cause, ssl.SSLError) and url.startswith("rediss"):
            remedy = "Name the authority of its certificate with ?ssl_ca_certs=…, or use redis:// if it has none"
            return StoreRefused(url, f"TLS failed ({cause})", remedy)
    if code_of(error) == "MISCONF":
        return StoreRefused(url, f"it cannot write its data to the disk ({error})", "Free the disk of the server")
    return None


def _busy(error: Exception, url: str) -> BlackboardError | None:
    for classes, problem in _BUSY:
        if isinstance(error, classes):
            return StoreBusy(url, problem)
    problem_of_code = _CODES_BUSY.get(code_of(error))
    return StoreBusy(url, problem_of_code) if problem_of_code else None


def _unreachable(error: Exception, url: str) -> BlackboardError | None:
    if not isinstance(error, _UNREACHABLE):
        return None
    return StoreUnreachable(url, _why(error))


def _why(error: Exception) -> str:
    for cause in _causes(error):
        match cause:
            case socket.gaierror():
                return f"its host name cannot be resolved ({cause.strerror})"
            case ConnectionRefusedError():
                return "nothing listens there"
            case FileNotFoundError():
                return "there is no such socket"
            case PermissionError():
                return "this user may not open the socket"
            case sentinel.MasterNotFoundError() | asyncio_sentinel.MasterNotFoundError():
                return "no sentinel answers, or none knows a primary of this service"
            case ConnectionResetError() | BrokenPipeError():
                return "the connection was lost"
            case exceptions.TimeoutError() | TimeoutError():
                return "no answer came in time"
    return str(error).rstrip(".") or type(error).__name__


def _causes(error: Exception) -> Iterator[BaseException]:
    """The error and what it was raised from, as far as the first one of the network.

    Client libraries wrap what the network says. Whatever lies behind that is an error of the caller, in whose handler
    the store was used; an error reply is never followed, for the same reason.
    """
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        innermost = isinstance(cause, OSError) or not isinstance(cause, _UNREACHABLE)
        cause = None if innermost else cause.__cause__ or cause.__context__
