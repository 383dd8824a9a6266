"""The headers that every answer carries: what the page may load, who may frame it, nothing about its user."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tornado.httputil import HTTPHeaders, HTTPServerRequest
from tornado.web import OutputTransform

NONCE = "timetravel_nonce"
"""Attribute of a request under which the page's handler leaves the nonce of its scripts."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What answers allow. `embedders`: origins that may show the page in a frame, besides its own."""

    embedders: tuple[str, ...] = ()

    @classmethod
    def make(cls, allow_embed: Iterable[str] = ()) -> Policy:
        """Refuses what would end a directive and start another."""
        for origin in allow_embed:
            if not origin or set(origin) & set(" ;,'\"\r\n"):
                raise ValueError(f"allow_embed is {origin!r}; an origin is expected, like http://host:8888")
        return cls(tuple(allow_embed))

    def content(self, nonce: str | None) -> str:
        """Content-Security-Policy: this server only, no eval, no inline script but that with the nonce.

        Styles stay inline because Bokeh sets them so; images may be made in the page (data:, blob:).
        """
        script = "script-src 'self'" + (f" 'nonce-{nonce}'" if nonce else "")
        frames = " ".join(("'self'", *self.embedders))
        return "; ".join(
            (
                "default-src 'self'",
                script,
                "style-src 'self' 'unsafe-inline'",
                "img-src 'self' data: blob:",
                "worker-src 'self' blob:",
                "object-src 'none'",
                "base-uri 'none'",
                "form-action 'self'",
                f"frame-ancestors {frames}",
            )
        )

    def apply(self, headers: HTTPHeaders, *, nonce: str | None) -> None:
        """Sets them, in place, and takes away what would tell more or allow more."""
        headers["Content-Security-Policy"] = self.content(nonce)
        headers["X-Content-Type-Options"] = "nosniff"
        headers["Referrer-Policy"] = "no-referrer"
        headers["Cross-Origin-Opener-Policy"] = "same-origin"
        headers["Cross-Origin-Resource-Policy"] = "same-origin"
        for name in ("Server", "Access-Control-Allow-Origin"):
            if name in headers:
                del headers[name]


class SecurityHeaders(OutputTransform):
    """Applies the policy to whatever a handler answers, errors and websockets included."""

    def __init__(self, policy: Policy, request: HTTPServerRequest) -> None:
        self._policy = policy
        self._request = request

    def transform_first_chunk(
        self, status_code: int, headers: HTTPHeaders, chunk: bytes, finishing: bool
    ) -> tuple[int, HTTPHeaders, bytes]:
        nonce: Any = getattr(self._request, NONCE, None)
        self._policy.apply(headers, nonce=nonce)
        return status_code, headers, chunk
