"""The page's HTML: our own template around Bokeh's document, every script with this answer's nonce."""

from __future__ import annotations

import secrets
from functools import cache
from pathlib import Path
from typing import Any

import bokeh
from bokeh.embed.elements import html_page_for_render_items
from bokeh.embed.util import RenderItem
from bokeh.protocol.message import Message
from bokeh.server.views.doc_handler import DocHandler
from bokeh.server.views.ws import WSHandler
from jinja2 import Environment, Template
from tornado.web import HTTPError

from timetravel.server.headers import NONCE

TEMPLATES = Path(__file__).parent / "templates"
SESSIONS_LIMIT = 300
"""Pages open at one time; each costs about a megabyte."""

_PLACES = """{% macro embed(root) -%}
<div id="{{ root.elementid }}"{% if root.id %} data-root-id="{{ root.id }}"{% endif %} style="display: contents"></div>
{%- endmacro %}
"""


@cache
def page_template() -> Template:
    """`templates/index.html`, read once. It gets title, nonce, bokeh_version, roots, plot_script, embed()."""
    text = (TEMPLATES / "index.html").read_text(encoding="utf-8")
    return Environment(autoescape=False, trim_blocks=True, lstrip_blocks=True).from_string(_PLACES + text)


class PageHandler(DocHandler):
    """The page. Its script paths are relative, so that a proxy may put it under any prefix."""

    async def get(self, *args: Any, **kwargs: Any) -> None:
        if len(list(self.application_context.sessions)) >= SESSIONS_LIMIT:
            raise HTTPError(503, reason="Too many pages are open")
        session = await self.get_session()  # type: ignore[misc]  # Bokeh wraps it in a decorator without types
        nonce = secrets.token_urlsafe(16)
        setattr(self.request, NONCE, nonce)
        document = session.document
        item = RenderItem(token=session.token, roots=document.roots, use_for_title=False)
        page = html_page_for_render_items(
            ("", ""),
            {},
            [item],
            document.title,
            template=page_template(),
            template_variables={"nonce": nonce, "bokeh_version": bokeh.__version__},
        )
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.set_header("Cache-Control", "no-store")  # nonce and session belong to this answer alone
        self.write(page)


class SocketHandler(WSHandler):
    """Bokeh's websocket without Nagle's algorithm, which makes each answer wait 40 ms for a delayed ACK."""

    pulled = False
    """Whether the browser was sent the document over this connection."""

    def check_origin(self, origin: str) -> bool:
        return True  # the guard has compared it with the list before this handler existed

    def open(self, *args: str, **kwargs: str) -> None:
        self.set_nodelay(True)
        super().open()

    async def send_message(self, message: Message[Any]) -> None:
        # A browser that comes back pulls the document anew. A change sent before that is in what it pulls, and
        # Bokeh would lay it upon the document that the browser still has, which knows none of its models.
        if message.msgtype == "PATCH-DOC" and not self.pulled:
            return
        self.pulled |= message.msgtype == "PULL-DOC-REPLY"
        await super().send_message(message)
