"""Who may talk to the viewer's server: the browser of the user who started it, and no other page or machine."""

import ipaddress
import secrets
import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
"""Nothing inline, nothing from elsewhere, and no text that becomes HTML or code."""
_HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}
_SAFE_METHODS = ("GET", "HEAD")
ACTION_HEADER = "x-aarlab-token"
"""Header with the token of requests that change something. A form of another page cannot set it."""


class AccessGuard:
    """Refuses requests with a foreign Host or Origin (DNS rebinding), and requests for data without the token.

    Only the page itself and its program files need no token: they contain nothing of the user.
    """

    def __init__(
        self, app: ASGIApp, token: str, cookie: str, action_token: str | None, names: Iterable[str] = ()
    ) -> None:
        """Guard an app.

        Args:
            app: The app.
            token: Secret of the link that `aarlab view` prints.
            cookie: Name of the cookie that has the token.
            action_token: Secret that the page reads and sends with requests that change something; None: there are no
                such requests.
            names: Names of this machine that are accepted as Host, besides `localhost` and numeric addresses, which no
                foreign page can have.
        """
        self._app, self._token, self._cookie, self._action_token = app, token, cookie, action_token
        self._names = frozenset({"localhost", *(name.lower() for name in names)})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a refused request, or pass it on."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        problem = self._problem(scope)
        app = self._app if problem is None else PlainTextResponse(problem[1], problem[0])
        await app(scope, receive, send_with_headers)

    def _problem(self, scope: Scope) -> tuple[int, str] | None:
        """Return the status and the sentence of a refusal; None if the request is allowed."""
        headers, method = Headers(scope=scope), scope["method"]
        host, origin = headers.get("host", ""), headers.get("origin")
        if not self._is_own(host):
            return 421, "This address is not one of the viewer. Open the link that `aarlab view` printed."
        if origin is not None and (urlsplit(origin).scheme not in ("http", "https") or urlsplit(origin).netloc != host):
            return 403, "The request comes from another page."
        if origin is None and method not in _SAFE_METHODS:
            return 403, "The request does not say from which page it comes."
        if headers.get("sec-fetch-site", "same-origin") == "cross-site" and scope["path"].startswith("/api/"):
            return 403, "The request comes from another page."
        needs_token = scope["path"].startswith("/api/") or method not in _SAFE_METHODS
        if needs_token and not self.is_token(cookie_parser(headers.get("cookie", "")).get(self._cookie, "")):
            return 401, "Open the link that `aarlab view` printed: it has the token that this page needs."
        if method not in _SAFE_METHODS and not self._may_act(headers.get(ACTION_HEADER, "")):
            return 403, "The request does not come from the program of the page. Load the page again."
        return None

    def _may_act(self, token: str) -> bool:
        return self._action_token is not None and secrets.compare_digest(token.encode(), self._action_token.encode())

    def is_token(self, text: str) -> bool:
        """Return whether a text is the token."""
        return secrets.compare_digest(text.encode(), self._token.encode())

    def _is_own(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        return name in self._names or _is_numeric(name)


def own_names(host: str) -> list[str]:
    """Return the names under which other machines may reach a server that listens on `host`; none for loopback."""
    return [] if is_loopback(host) else [host, socket.gethostname()]


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach a server that listens on `host`."""
    return host == "localhost" or (_is_numeric(host) and ipaddress.ip_address(host).is_loopback)


def _is_numeric(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
