"""Who may ask, and what: hosts, methods, and what every answer says to the browser."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from blackboard.web.answers import answer

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

METHODS = ("GET", "HEAD")


class Guard:
    """Lets through what reads and comes for a host that is meant.

    A page from elsewhere cannot read what is served here, unless its own name is made to point to this machine; then the browser
    says that name as the host. So names must be known: ``localhost`` and ``names``. An address cannot be made to point elsewhere.
    """

    def __init__(self, app: ASGIApp, names: Iterable[str] = ()) -> None:
        self._app = app
        self._names = {"localhost", *(name.casefold() for name in names)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer what is refused, and add to what is answered."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close"})
            return

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                headers.setdefault("Cache-Control", "no-cache")  # after an update, no page is of two releases
            await send(message)

        app = self._refusal(scope) or self._app
        await app(scope, receive, sending)

    def _refusal(self, scope: Scope) -> ASGIApp | None:
        hosts = Headers(scope=scope).getlist("host")
        if len(hosts) != 1 or not self._is_meant(hosts[0]):
            said = hosts[0][:200] if hosts else "no host"
            message = (
                f"{said} is not a host that is served here. If it is meant, name it: blackboard web --allow-host NAME."
            )
            return answer({"error": "ForeignHost", "message": message}, 403)
        if scope["method"] not in METHODS:
            message = f"{scope['method'][:20]} changes nothing here: the inspector only reads. Use the command line."
            return answer({"error": "ReadOnly", "message": message}, 405, {"Allow": ", ".join(METHODS)})
        return None

    def _is_meant(self, host: str) -> bool:
        name = host_name(host).casefold()
        return name in self._names or _is_address(name)


def host_name(host: str) -> str:
    """A host without its port, and without the brackets of an IPv6 address."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def url_host(host: str) -> str:
    """A host as it stands in a URL: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
