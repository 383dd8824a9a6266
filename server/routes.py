"""How a route is written: a plain function from what was asked to an answer, run in a thread of the pool.

The functions in data.py, samples.py, compare.py and so on know neither Tornado nor HTTP; what is common to
all of them (looking up the run, errors as JSON, caching by content key, ETag, gzip) stands here, once.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec
import numpy as np
from numpy.typing import NDArray
from tornado.web import RequestHandler

from timetravel.errors import BadInput, MissingPart, RunNotFound, TimetravelError
from timetravel.server.encode import mask_rows, packed, to_json

if TYPE_CHECKING:
    from timetravel.server.site import Site
    from timetravel.store.run import StoredMap, StoredRun

log = logging.getLogger("timetravel.server")

IMMUTABLE = "private, max-age=31536000, immutable"
FRESH = "private, no-cache"
PACK_ABOVE = 8 << 10
"""JSON answers above this many bytes are compressed for browsers that take it."""


class Refusal(Exception):
    """An answer other than success: status, what is wrong, what to do, and further facts."""

    def __init__(self, status: int, message: str, do: str = "", **facts: Any) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": {"message": message, "do": do, **facts}}


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back. `keys`: content keys under which the answer never changes; none when it may."""

    body: bytes
    content_type: str = "application/octet-stream"
    headers: Mapping[str, str] = field(default_factory=dict)
    keys: tuple[str, ...] = ()
    status: int = 200
    is_packed: bool = False

    @property
    def size(self) -> int:
        return len(self.body) + 200

    @classmethod
    def json(cls, value: Any, *, key: str | None = None, status: int = 200) -> Answer:
        keys = () if key is None else (key,)
        return cls(to_json(value), "application/json", keys=keys, status=status)

    @classmethod
    def file(cls, body: bytes, name: str, content_type: str) -> Answer:
        """A download under a name; any text may be in it."""
        plain_name = re.sub(r"[^A-Za-z0-9._-]+", "_", name)
        where = f"attachment; filename=\"{plain_name}\"; filename*=UTF-8''{quote(name)}"
        return cls(body, content_type, {"Content-Disposition": where})


@dataclass(slots=True)
class Ask:
    """One request: the parts of its path, its arguments, its body, and the services of the site."""

    site: Site
    parts: Mapping[str, str]
    arguments: Mapping[str, str]
    payload: bytes = b""
    _body: dict[str, Any] | None = None

    @property
    def body(self) -> dict[str, Any]:
        """The JSON object that was posted."""
        if self._body is None:
            try:
                decoded = msgspec.json.decode(self.payload or b"{}")
            except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
                raise Refusal(400, f"the body is not JSON: {error}", "Post a JSON object.") from error
            if not isinstance(decoded, dict):
                raise Refusal(400, "the body is not a JSON object", "Post a JSON object.")
            self._body = decoded
        return self._body

    def run(self, part: str = "run") -> StoredRun:
        """The run that the path names."""
        return self.site.library.run(self.parts[part])

    def map(self, run: StoredRun, name: str | None) -> StoredMap:
        """The map of that name, the newest without one."""
        if not name:
            return run.map()
        if name not in run.maps:
            raise RunNotFound(f"run {run.name} has no map {name!r}; it has {', '.join(run.maps) or 'none'}")
        return run.map(name)

    def epoch(self, run: StoredRun, text: str | None = None, *, of: Sequence[int] | None = None) -> int:
        """A recorded epoch: the path's, or the one given."""
        text = self.parts["epoch"] if text is None else text
        known = run.epochs if of is None else of
        try:
            epoch = int(text)
        except ValueError as error:
            raise Refusal(400, f"epoch {text!r} is not a number", "Pass a recorded epoch.") from error
        if epoch not in known:
            raise Refusal(404, f"epoch {epoch} was not recorded", f"Recorded: {_short(known)}.")
        return epoch

    def number(self, name: str, default: int, *, low: int = 0, high: int = 1 << 31) -> int:
        """An integer argument within bounds."""
        text = self.arguments.get(name)
        if text is None:
            return default
        return _integer(name, text, low, high)

    def row(self, run: StoredRun, text: str | None = None) -> int:
        """The row of one sample."""
        text = self.arguments.get("row", "") if text is None else text
        return _integer("row", text, 0, len(run.samples) - 1)

    def rows(self, run: StoredRun, *, limit: int | None = None) -> NDArray[np.int64]:
        """Rows of samples: ?rows=1,2,3, or `rows` or `mask` of the body, in the order given."""
        count = len(run.samples)
        if "rows" in self.arguments:
            texts: list[Any] = [text for text in self.arguments["rows"].split(",") if text]
        elif "mask" in self.body:
            try:
                return mask_rows(str(self.body["mask"]), count)
            except ValueError as error:
                raise Refusal(400, str(error), "Post the mask of this run's samples.") from error
        else:
            texts = self.body.get("rows", [])
        if not isinstance(texts, list):
            raise Refusal(400, "rows is not a list", "Pass a list of row numbers.")
        if limit is not None and len(texts) > limit:
            raise Refusal(413, f"{len(texts)} rows asked for", f"Ask for at most {limit} at a time.")
        try:
            rows = np.asarray([int(text) for text in texts], np.int64)
        except (TypeError, ValueError, OverflowError) as error:
            raise Refusal(400, "rows holds something else than numbers", "Pass row numbers.") from error
        if len(rows) and (rows.min() < 0 or rows.max() >= count):
            raise Refusal(400, f"rows go from 0 to {count - 1}", "Pass rows of this run.")
        return rows


Function = Callable[[Ask], Answer]


@dataclass(frozen=True, slots=True)
class Route:
    """A method and path with the function that answers. `keep`: answers go into the shared cache, and requests for
    what is being made wait for it. `slow`: it may take seconds, so that it gets threads of its own.
    """

    method: str
    pattern: str
    function: Function
    keep: bool = False
    slow: bool = False


def handlers(routes: Sequence[Route], site: Site) -> list[tuple[str, type[RequestHandler], dict[str, Any]]]:
    """Tornado's form of the routes, methods of one path together."""
    table: dict[str, dict[str, Route]] = {}
    for route in routes:
        table.setdefault(route.pattern, {})[route.method] = route
    return [
        (f"/{pattern}", RouteHandler, {"methods": methods, "site": site})
        for pattern, methods in table.items()
    ]


class RouteHandler(RequestHandler):
    """Answers every data route."""

    def initialize(self, methods: dict[str, Route], site: Site) -> None:
        self.methods = methods
        self.site = site

    async def get(self, **parts: str) -> None:
        await self._answer(parts)

    async def head(self, **parts: str) -> None:
        await self._answer(parts)

    async def post(self, **parts: str) -> None:
        await self._answer(parts)

    async def delete(self, **parts: str) -> None:
        await self._answer(parts)

    async def _answer(self, parts: dict[str, str]) -> None:
        method = self.request.method or "GET"
        route = self.methods.get("GET" if method == "HEAD" else method)
        if route is None:
            self._send(_refused(Refusal(405, f"{method} is not answered here", "")))
            return
        arguments = {name: self.get_query_argument(name) for name in self.request.query_arguments}
        ask = Ask(self.site, parts, arguments, self.request.body)
        try:
            answer = await asyncio.wrap_future(self._begun(route, ask))
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # The pool let go of what it had not begun.
            answer = _refused(Refusal(503, "the server is stopping", "Start it again and reload."))
        self._send(answer, offered=arguments.get("k"))

    def _begun(self, route: Route, ask: Ask) -> Future[Answer]:
        """The answer in the making. Ten pages that ask for one thing take one thread, not all of them."""
        pool = self.site.slow_pool if route.slow else self.site.pool
        if not route.keep:
            return pool.submit(lambda: respond(route, ask))
        key, making = cache_key(route, ask), self.site.making
        future = making.get(key)
        if future is None:
            future = making[key] = pool.submit(lambda: respond(route, ask))
            future.add_done_callback(lambda _: making.pop(key, None))
        return future

    def _send(self, answer: Answer, *, offered: str | None = None) -> None:
        self.set_status(answer.status)
        self.set_header("Content-Type", answer.content_type)
        for name, value in answer.headers.items():
            self.set_header(name, value)
        if offered is not None and offered in answer.keys:
            self.set_header("Cache-Control", IMMUTABLE)
        else:
            self.set_header("Cache-Control", FRESH)
        if answer.is_packed:
            if "gzip" in self.request.headers.get("Accept-Encoding", ""):
                self.set_header("Content-Encoding", "gzip")
                self.set_header("Vary", "Accept-Encoding")
                self.finish(answer.body)
            else:
                import gzip

                self.finish(gzip.decompress(answer.body))
        else:
            self.finish(answer.body)

    def compute_etag(self) -> str | None:
        if self.request.method != "GET" or self.get_status() != 200:
            return None
        return super().compute_etag()

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        self.set_header("Content-Type", "application/json")
        self.finish(to_json({"error": {"message": self._reason, "do": ""}}))


def respond(route: Route, ask: Ask) -> Answer:
    """The answer of a route, errors included; never raises. Runs in a thread of the pool."""
    try:
        if not route.keep:
            return _compact(route.function(ask))
        stamp, key = ask.site.library.stamp(ask.parts), cache_key(route, ask)
        answer = ask.site.cache.get((stamp, key))
        if answer is None:
            answer = _compact(route.function(ask))
            if answer.status == 200:
                ask.site.cache.put((stamp, key), answer)
        return answer
    except Exception as error:
        return _refused(error)


def cache_key(route: Route, ask: Ask) -> tuple[Any, ...]:
    """What an answer depends on beside the content of the runs."""
    named = {name: text for name, text in ask.arguments.items() if name != "k"}
    return (route.pattern, *sorted(ask.parts.items()), *sorted(named.items()))


_STATUS: tuple[tuple[tuple[type[Exception], ...], int], ...] = (
    ((RunNotFound, MissingPart), 404),
    ((BadInput, ValueError), 400),
    ((TimetravelError,), 409),
)


def _compact(answer: Answer) -> Answer:
    if answer.is_packed or answer.content_type != "application/json" or len(answer.body) < PACK_ABOVE:
        return answer
    return Answer(
        packed(answer.body), answer.content_type, answer.headers, answer.keys, answer.status, is_packed=True
    )


def _refused(error: BaseException) -> Answer:
    """An exception as JSON: our own errors as they are worded, others logged and named without a trace."""
    if isinstance(error, Refusal):
        return Answer.json(error.body, status=error.status)
    status = next((code for kinds, code in _STATUS if isinstance(error, kinds)), 500)
    if status == 500:
        log.error("a route failed", exc_info=error)
        message = f"{type(error).__name__} in the server"
        return _refused(Refusal(500, message, "See the terminal of the server for details."))
    message, _, hint = str(error).partition("; ")
    return _refused(Refusal(status, message, hint))


def _integer(name: str, text: Any, low: int, high: int) -> int:
    try:
        value = int(text)
    except (TypeError, ValueError) as error:
        raise Refusal(400, f"{name} is {text!r}", f"Pass a whole number from {low} to {high}.") from error
    if not low <= value <= high:
        raise Refusal(400, f"{name} is {value}", f"Pass a whole number from {low} to {high}.")
    return value


def _short(values: Sequence[int]) -> str:
    if len(values) <= 12:
        return ", ".join(map(str, values)) or "none"
    return f"{values[0]} to {values[-1]}, {len(values)} in all"
