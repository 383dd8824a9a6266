"""The guard stands in front of every route of the live table, and every answer carries the headers."""

import itertools
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from made_runs import Running

from timetravel.server.table import ROUTES

TOKEN = "a-token-for-the-test"

FILL = {
    "run": "made",
    "a": "made",
    "b": "other",
    "map": "aligned",
    "epoch": "3",
    "name": "label",
    "row": "3",
    "told": "agreement",
    "kind": "learned",
    "side": "a",
    "epoch_a": "3",
    "epoch_b": "3",
    "key": "0" * 32,
    "id": "0" * 16,
}

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def example(pattern: str) -> str:
    """A path that the pattern matches."""
    path = re.sub(r"\(\?P<(\w+)>(?:[^()]|\([^()]*\))*\)", lambda found: FILL[found[1]], pattern)
    path = re.sub(r"\(([^|()]*)\|[^()]*\)", r"\1", path).replace("\\", "")
    assert re.fullmatch(pattern, path), (pattern, path)
    return path


PATHS = [
    *((route.method, example(route.pattern)) for route in ROUTES),
    ("GET", ""),
    ("GET", "static/js/bokeh.min.js"),
    ("GET", "static/js/none.js"),
    ("GET", "static/../app.py"),
    ("GET", "app/app.mjs"),
    ("GET", "app/none.mjs"),
    ("GET", "autoload.js"),
    ("GET", "metadata"),
    ("GET", "favicon.ico"),
    ("GET", "nothing/here"),
    ("PUT", "runs.json"),
    ("OPTIONS", "runs.json"),
    ("PATCH", ""),
]


@pytest.fixture(scope="module")
def locked(runs: dict[str, Path]) -> Iterator[Running]:
    running = Running([runs["made"], runs["other"]], token=TOKEN, live=False)
    yield running
    running.close()


def test_the_table_has_no_route_that_the_examples_forget() -> None:
    assert len(PATHS) > len(ROUTES) > 30


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_no_route_answers_a_stranger(locked: Running, method: str, path: str) -> None:
    good = f"127.0.0.1:{locked.port}"
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    body = {} if method in ("POST", "PUT", "PATCH") else None
    wrong = [
        {"Host": "evil.example", **bearer},
        {"Host": f"evil.example:{locked.port}", **bearer},
        {"Host": good, "Origin": "http://evil.example", **bearer},
        {"Host": good, "Origin": "null", **bearer},
        {"Host": good},
        {"Host": good, "Authorization": "Bearer wrong"},
        {"Host": good, "Cookie": f"timetravel-{locked.port}={TOKEN}"},
        {"Host": good, "Origin": f"http://{good}"},
    ]
    for headers in wrong:
        answer = locked.fetch(path, method, body, **headers)
        assert answer.code == 403, (headers, answer.code)
        assert b"Not allowed" in answer.body
        check_headers(answer)
    right = locked.fetch(path, method, body, Host=good, Origin=f"http://{good}", **bearer)
    if "../" not in path:  # Tornado itself refuses a way out of the folder
        assert right.code != 403, right.body
    check_headers(right)


def check_headers(answer: object) -> None:
    headers = answer.headers  # type: ignore[attr-defined]
    for name, value in HEADERS.items():
        assert headers.get(name) == value
    policy = headers["Content-Security-Policy"]
    assert "unsafe-eval" not in policy
    assert re.search(r"script-src 'self'( 'nonce-[\w-]+')?;", policy)
    assert "frame-ancestors 'self'" in policy
    assert "Access-Control-Allow-Origin" not in headers
    assert "Server" not in headers


def socket_status(running: Running, **headers: str) -> int:
    """Status of a websocket's opening, whatever it is."""
    import socket

    lines = [
        "GET /ws HTTP/1.1",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    with socket.create_connection(("127.0.0.1", running.port), timeout=30) as stream:
        stream.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        return int(stream.recv(200).split()[1])


def test_the_websocket_opens_for_its_own_page_only(locked: Running) -> None:
    good = f"127.0.0.1:{locked.port}"
    bearer = f"Bearer {TOKEN}"
    hosts, origins, tokens = (
        (good, "evil.example"),
        (f"http://{good}", "http://evil.example", None),
        (bearer, None),
    )
    for host, origin, token in itertools.product(hosts, origins, tokens):
        headers = {"Host": host}
        if origin is not None:
            headers["Origin"] = origin
        if token is not None:
            headers["Authorization"] = token
        expected = 101 if (host, origin, token) == (good, f"http://{good}", bearer) else 403
        assert socket_status(locked, **headers) == expected, headers


def test_the_token_becomes_a_cookie_once(locked: Running) -> None:
    first = locked.fetch(f"?token={TOKEN}&epoch=3")
    assert first.code == 303
    assert first.headers["Location"] == "./?epoch=3"
    cookie = first.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert TOKEN not in cookie
    page = locked.fetch("?epoch=3", Cookie=cookie.split(";")[0])
    assert page.code == 200
    assert TOKEN.encode() not in page.body
    assert TOKEN in locked.server.url


def test_every_page_has_its_own_nonce_and_all_its_scripts_have_it(served: Running) -> None:
    nonces = set()
    for _ in range(2):
        page = served.fetch("")
        policy = page.headers["Content-Security-Policy"]
        nonce = re.search(r"'nonce-([\w-]+)'", policy)
        assert nonce
        nonces.add(nonce[1])
        scripts = re.findall(r"<script\b[^>]*>", page.body.decode())
        assert scripts
        for tag in scripts:
            assert f'nonce="{nonce[1]}"' in tag or "src=" in tag, tag
        assert page.headers["Cache-Control"] == "no-store"
    assert len(nonces) == 2


def test_the_page_names_no_absolute_address(served: Running) -> None:
    page = served.fetch("").body.decode()
    for address in re.findall(r'(?:src|href)="([^"]*)"', page):
        assert not address.startswith(("/", "http:", "https:", "//")), address


def test_a_page_carries_no_cookie_of_its_reader(served: Running) -> None:
    from bokeh.util.token import get_token_payload

    page = served.fetch("", Cookie="secret=hidden-value").body.decode()
    token = re.search(r'"token":"([\w.-]+)', page)
    assert token
    payload = get_token_payload(token[1])
    assert payload["cookies"] == payload["headers"] == {}


def test_under_a_prefix_everything_is_there_and_nothing_beside(
    serving: Callable[..., Running], runs: dict[str, Path]
) -> None:
    running = serving([runs["made"]], prefix="user/x/proxy/1", live=False)
    assert running.fetch("user/x/proxy/1/").code == 200
    assert running.json("user/x/proxy/1/runs.json")["runs"] == ["made"]
    assert running.fetch("user/x/proxy/1/app/app.mjs").code == 200
    assert running.fetch("user/x/proxy/1/static/js/bokeh.min.js").code == 200
    assert running.fetch("runs.json").code == 404
    assert running.server.url.endswith("/user/x/proxy/1/")


@pytest.mark.parametrize(
    "path",
    [
        "app/../app.py",
        "app/%2e%2e/app.py",
        "app/..%2fapp.py",
        "app//etc/passwd",
        "app/%2fetc%2fpasswd",
        "app/panels/../../app.py",
        "app/%00",
        "static/..%2f..%2fserver.py",
        "static//etc/passwd",
        "data/..%2f..%2fetc/run.json",
        "data/%2e%2e/run.json",
        "data/made/mask/..%2f..%2fx.bin",
        "data/made/column/..%2f..%2frun.json/3.bin",
        "data/made/positions/..%2f..%2ffacts/3.u16",
        "data/made/categories/..%2frun.json",
        "jobs/..%2f..%2fx",
    ],
)
def test_no_path_leads_out(served: Running, path: str) -> None:
    answer = served.fetch(path)
    assert answer.code in (400, 403, 404), answer.code
    assert b"root:" not in answer.body
    assert b"import" not in answer.body


def test_modules_are_asked_for_each_time_and_sent_once(served: Running) -> None:
    first = served.fetch("app/app.mjs")
    assert first.headers["Content-Type"].startswith("text/javascript")
    assert first.headers["Cache-Control"] == "no-cache"
    again = served.fetch("app/app.mjs", **{"If-None-Match": first.headers["Etag"]})
    assert again.code == 304


def test_too_large_a_body_is_refused(served: Running) -> None:
    answer = served.fetch("data/made/mask.json", "POST", b"x" * (17 << 20))
    assert answer.code in (400, 413, 599)
    assert served.fetch("runs.json").code == 200
