"""Who may speak to the server: Host, Origin and token, checked in front of every route.

A page on loopback can still be reached by any web site that the user has open: by asking for
http://127.0.0.1:5006 itself, or by making its own name resolve to 127.0.0.1 (DNS rebinding). The first is
met by the Origin, the second by the Host, each compared with an exact list; off loopback a token is needed
besides. The check sits in Tornado's routing, before any handler exists, so that no route can forget it.
"""

from __future__ import annotations

import hashlib
import hmac
import html
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import parse_qsl, urlencode

from tornado.httputil import (
    HTTPConnection,
    HTTPHeaders,
    HTTPMessageDelegate,
    HTTPServerRequest,
    ResponseStartLine,
)
from tornado.routing import Router

from timetravel.server.headers import Policy

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
TOKEN_BYTES = 32


@dataclass(frozen=True, slots=True)
class Access:
    """What is let in: exact `host:port` values, exact origins, and a token or none."""

    hosts: frozenset[str]
    origins: frozenset[str]
    token: str | None
    cookie: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a request is not answered, in plain words, and which option would allow it."""

    reason: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Admitted:
    """The token came in the address: put it into a cookie and go to the same address without it."""

    location: str


def is_loopback(host: str) -> bool:
    """Whether an address or name to bind to can be reached from this machine only."""
    name = host.strip("[]").lower()
    if name == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def make_token() -> str:
    """256 random bits for an address line."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def access(host: str, port: int, *, token: str | None = None, allow_origin: Iterable[str] = ()) -> Access:
    """The lists for a server bound to `host`:`port`; off loopback a token is made when none is given.

    allow_origin: further `host`, `host:port` or `scheme://host:port` under which the page is reached,
    through a proxy or a tunnel, say.
    """
    hosts: set[str] = set()
    origins: set[str] = set()
    name = f"[{host}]" if ":" in host and not host.startswith("[") else host
    for known in {*LOOPBACK, name.lower()} - {"0.0.0.0", "[::]", ""}:
        # A browser leaves out the port where it is the scheme's own.
        spelled = {f"{known}:{port}"} | ({known} if port in (80, 443) else set())
        hosts |= spelled
        origins |= {f"{scheme}://{text}" for text in spelled for scheme in ("http", "https")}
    for entry in allow_origin:
        scheme, mark, rest = entry.lower().rpartition("://")
        rest = rest.rstrip("/")
        if not rest or "*" in rest or "/" in rest:
            raise ValueError(f"allow_origin is {entry!r}; an exact host:port is expected, like hub.org:443")
        hosts.add(rest)
        origins |= {f"{scheme}://{rest}"} if mark else {f"http://{rest}", f"https://{rest}"}
    if token is None and not is_loopback(host):
        token = make_token()
    if token == "":
        raise ValueError("the token is empty; leave it out to have one made")
    return Access(frozenset(hosts), frozenset(origins), token, f"timetravel-{port}")


def judge(access: Access, request: HTTPServerRequest) -> Refused | Admitted | None:
    """None for a request that may pass."""
    host = request.headers.get("Host", "").lower()
    own = own_address(request)
    if host not in access.hosts and host != own:
        return Refused(
            f"The address {host!r} is not one that this server answers to.",
            f"If you reach it through a proxy or tunnel, start it with --allow-origin {host or 'HOST:PORT'}"
            f" (in a notebook: timetravel.show(..., allow_origin=[{host or 'HOST:PORT'!r}])).",
        )
    origin = request.headers.get("Origin")
    is_socket = request.headers.get("Upgrade", "").lower() == "websocket"
    if origin is None and is_socket:
        return Refused("A websocket has to say which page opens it.", "Open the page in a browser.")
    if origin is not None and origin.lower() not in access.origins | {f"http://{own}", f"https://{own}"}:
        return Refused(
            f"The page at {origin!r} may not read from this server.",
            f"If that page is this server behind a proxy, start it with --allow-origin {origin.split('://')[-1]}",
        )
    if "%00" in request.path:
        return Refused("The address holds a NUL character.", "Follow a link of the page.")
    if access.token is None:
        return None
    given = parse_qsl(request.query, keep_blank_values=True)
    if request.method in ("GET", "HEAD") and not is_socket:
        for key, value in given:
            if key == "token" and _equal(value, access.token):
                rest = urlencode([pair for pair in given if pair[0] != "token"])
                # Relative, so that a proxy may put the page anywhere; "./" keeps it on this server.
                last = request.path.rpartition("/")[2]
                return Admitted(f"./{last}" + (f"?{rest}" if rest else ""))
    if _equal(_cookie(request, access.cookie), cookie_value(access.token)):
        return None
    bearer = request.headers.get("Authorization", "")
    if bearer.startswith("Bearer ") and _equal(bearer[7:], access.token):
        return None
    return Refused(
        "This server asks for a token.",
        "Open the address that it printed when it started; it ends in ?token=…",
    )


def own_address(request: HTTPServerRequest) -> str | None:
    """`address:port` of this end of the connection: how a server bound to all addresses was reached.

    Safe to accept as Host, because an address, unlike a name, cannot be made to resolve to another machine.
    """
    stream = getattr(request.connection, "stream", None)
    name = stream.socket.getsockname() if stream is not None and stream.socket is not None else None
    if not isinstance(name, tuple):
        return None
    address = f"[{name[0]}]" if ":" in name[0] else name[0]
    return f"{address}:{name[1]}"


def cookie_value(token: str) -> str:
    """What the cookie holds: proof of the token, from which the token cannot be read."""
    return hashlib.sha256(b"timetravel cookie " + token.encode()).hexdigest()


def _equal(given: str, expected: str) -> bool:
    """In time that does not tell how many characters agree."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())


def _cookie(request: HTTPServerRequest, name: str) -> str:
    found = request.cookies.get(name)
    return found.value if found is not None else ""


class GuardedRouter(Router):
    """Asks the guard first and the application afterwards."""

    def __init__(self, access: Access, application: Router, policy: Policy) -> None:
        self._access = access
        self._application = application
        self._policy = policy

    def find_handler(self, request: HTTPServerRequest, **kwargs: object) -> HTTPMessageDelegate | None:
        verdict = judge(self._access, request)
        if verdict is None:
            return self._application.find_handler(request, **kwargs)
        connection = request.connection
        if connection is None:
            return None
        is_head = request.method == "HEAD"
        headers = {"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store"}
        if isinstance(verdict, Admitted):
            value = cookie_value(self._access.token or "")
            headers["Location"] = verdict.location
            headers["Set-Cookie"] = f"{self._access.cookie}={value}; Path=/; HttpOnly; SameSite=Strict"
            return _Answer(connection, self._policy, 303, headers, b"", is_head)
        return _Answer(connection, self._policy, 403, headers, refusal_page(verdict), is_head)


class _Answer(HTTPMessageDelegate):
    """One fixed answer, given when the request has been read; its body is dropped."""

    def __init__(
        self,
        connection: HTTPConnection,
        policy: Policy,
        status: int,
        headers: Mapping[str, str],
        body: bytes,
        is_head: bool,
    ) -> None:
        self._connection = connection
        self._status = status
        self._body = b"" if is_head else body
        self._headers = HTTPHeaders({**headers, "Content-Length": str(len(body))})
        policy.apply(self._headers, nonce=None)

    def finish(self) -> None:
        reason = {303: "See Other", 403: "Forbidden"}[self._status]
        self._connection.write_headers(
            ResponseStartLine("HTTP/1.1", self._status, reason), self._headers, self._body or None
        )
        self._connection.finish()


def refusal_page(refused: Refused) -> bytes:
    """The refusal as a page that needs no style, script or image."""
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>timetravel: not allowed</title>'
        '<main style="max-width: 40em; margin: 4em auto; font: 1rem/1.5 system-ui, sans-serif">'
        f"<h1>Not allowed</h1><p>{html.escape(refused.reason)}</p><p>{html.escape(refused.remedy)}</p>"
        "</main></html>"
    ).encode()
