"""The guard's rules, one by one, on requests made by hand."""

import socket
from types import SimpleNamespace
from typing import Any

import pytest
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine

from timetravel.server.guard import (
    Admitted,
    Refused,
    access,
    cookie_value,
    is_loopback,
    judge,
    make_token,
    refusal_page,
)
from timetravel.server.headers import Policy

PORT = 5006
TOKEN = "a-token-of-the-test"


def request(
    uri: str = "/",
    *,
    method: str = "GET",
    local: tuple[str, int] = ("127.0.0.1", PORT),
    **headers: str,
) -> HTTPServerRequest:
    fields = HTTPHeaders({"Host": f"127.0.0.1:{PORT}"})
    for name, value in headers.items():
        fields[name.replace("_", "-")] = value
    end: Any = SimpleNamespace(
        stream=SimpleNamespace(socket=SimpleNamespace(getsockname=lambda: local)),
        context=SimpleNamespace(remote_ip="127.0.0.1", protocol="http"),
    )
    return HTTPServerRequest(
        start_line=RequestStartLine(method, uri, "HTTP/1.1"), headers=fields, connection=end
    )


OPEN = access("127.0.0.1", PORT)
LOCKED = access("127.0.0.1", PORT, token=TOKEN)


@pytest.mark.parametrize("host", ["127.0.0.1:5006", "localhost:5006", "[::1]:5006", "LOCALHOST:5006"])
def test_the_names_of_this_machine_are_answered(host: str) -> None:
    assert judge(OPEN, request(Host=host)) is None


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "evil.example:5006",
        "localhost",
        "localhost:5007",
        "localhost.evil.example:5006",
        "127.0.0.1:5006.evil.example",
        "127.0.0.2:5006",
        "0.0.0.0:5006",
    ],
)
def test_any_other_host_is_refused(host: str) -> None:
    assert isinstance(judge(OPEN, request(Host=host)), Refused)


@pytest.mark.parametrize(
    ("origin", "passes"),
    [
        ("http://localhost:5006", True),
        ("http://127.0.0.1:5006", True),
        ("https://localhost:5006", True),
        ("http://localhost:8888", False),
        ("http://evil.example", False),
        ("http://localhost:5006.evil.example", False),
        ("null", False),
        ("", False),
        ("ftp://localhost:5006", False),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_an_origin_has_to_be_ours_when_there_is_one(origin: str, passes: bool, method: str) -> None:
    assert (judge(OPEN, request(method=method, Origin=origin)) is None) == passes


def test_a_websocket_needs_an_origin() -> None:
    assert isinstance(judge(OPEN, request("/ws", Upgrade="websocket")), Refused)
    assert judge(OPEN, request("/ws", Upgrade="websocket", Origin="http://localhost:5006")) is None


def test_the_token_comes_once_in_the_address_and_then_in_a_cookie() -> None:
    verdict = judge(LOCKED, request(f"/?epoch=7&token={TOKEN}&color=loss"))
    assert verdict == Admitted("./?epoch=7&color=loss")
    cookie = f"{LOCKED.cookie}={cookie_value(TOKEN)}"
    assert judge(LOCKED, request(Cookie=cookie)) is None
    assert (
        judge(LOCKED, request("/ws", Upgrade="websocket", Origin="http://localhost:5006", Cookie=cookie))
        is None
    )
    assert judge(LOCKED, request(Authorization=f"Bearer {TOKEN}")) is None


@pytest.mark.parametrize(
    ("uri", "headers"),
    [
        ("/", {}),
        ("/?token=", {}),
        ("/?token=wrong", {}),
        ("/", {"Cookie": f"timetravel-{PORT}=wrong"}),
        ("/", {"Cookie": f"timetravel-{PORT}={TOKEN}"}),
        ("/", {"Cookie": f"timetravel-1={cookie_value(TOKEN)}"}),
        ("/", {"Authorization": "Bearer wrong"}),
        ("/", {"Authorization": f"Basic {TOKEN}"}),
        ("/static/js/bokeh.min.js", {}),
    ],
)
def test_without_the_token_nothing_is_answered(uri: str, headers: dict[str, str]) -> None:
    assert isinstance(judge(LOCKED, request(uri, **headers)), Refused)


def test_a_token_does_not_open_a_wrong_host_or_origin() -> None:
    assert isinstance(judge(LOCKED, request(f"/?token={TOKEN}", Host="evil.example")), Refused)
    assert isinstance(judge(LOCKED, request(f"/?token={TOKEN}", Origin="http://evil.example")), Refused)


def test_a_token_in_the_address_of_a_post_is_not_taken() -> None:
    assert isinstance(judge(LOCKED, request(f"/jobs?token={TOKEN}", method="POST")), Refused)


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/", "./"),
        ("//evil.example/", "./"),
        ("/data/x/run.json", "./run.json"),
        ("/user/x/proxy/5006/", "./"),
    ],
)
def test_the_way_back_from_the_token_stays_on_this_server(path: str, location: str) -> None:
    assert judge(LOCKED, request(f"{path}?token={TOKEN}")) == Admitted(location)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("localhost", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.5", False),
        ("example.org", False),
        ("", False),
    ],
)
def test_a_token_is_made_off_loopback_only(host: str, loopback: bool) -> None:
    assert is_loopback(host) == loopback
    made = access(host, PORT).token
    assert (made is None) == loopback
    assert made is None or len(made) >= 43  # 256 bits


def test_every_token_is_another_one() -> None:
    assert len({make_token() for _ in range(20)}) == 20


def test_an_empty_token_is_refused() -> None:
    with pytest.raises(ValueError, match="empty"):
        access("127.0.0.1", PORT, token="")


def test_a_server_bound_to_all_addresses_is_reached_by_the_address_that_was_dialled() -> None:
    everywhere = access("0.0.0.0", PORT, token=TOKEN)
    bearer = f"Bearer {TOKEN}"
    local = ("192.168.1.5", PORT)
    good = request(
        local=local, Host="192.168.1.5:5006", Origin="http://192.168.1.5:5006", Authorization=bearer
    )
    assert judge(everywhere, good) is None
    for host in ("192.168.1.6:5006", "0.0.0.0:5006", "evil.example:5006"):
        assert isinstance(judge(everywhere, request(local=local, Host=host, Authorization=bearer)), Refused)


def test_further_hosts_are_named_exactly() -> None:
    lists = access("127.0.0.1", PORT, allow_origin=["hub.example:8443", "https://named.example"])
    for host, origin in (
        ("hub.example:8443", "https://hub.example:8443"),
        ("127.0.0.1:5006", "https://hub.example:8443"),  # a proxy that sets Host anew
        ("named.example", "https://named.example"),
    ):
        assert judge(lists, request(Host=host, Origin=origin)) is None
    assert isinstance(judge(lists, request(Origin="http://named.example")), Refused)
    assert isinstance(judge(lists, request(Host="hub.example")), Refused)


@pytest.mark.parametrize("entry", ["*", "http://*", "", "http://", "host/path", "*.example:80"])
def test_a_pattern_is_no_host(entry: str) -> None:
    with pytest.raises(ValueError, match="exact"):
        access("127.0.0.1", PORT, allow_origin=[entry])


def test_the_refusal_shows_what_came_as_text_and_names_the_option() -> None:
    verdict = judge(OPEN, request(Origin="<script>alert(1)</script>"))
    assert isinstance(verdict, Refused)
    page = refusal_page(verdict).decode()
    assert "<script" not in page
    assert "--allow-origin" in page


def test_the_policy_allows_neither_eval_nor_inline_scripts() -> None:
    policy = Policy.make(["http://localhost:8888"]).content("n0nce")
    script = next(part for part in policy.split("; ") if part.startswith("script-src"))
    assert script == "script-src 'self' 'nonce-n0nce'"
    assert "frame-ancestors 'self' http://localhost:8888" in policy


@pytest.mark.parametrize(
    "origin", ["", "http://a; script-src *", "'unsafe-inline'", "http://a b", "a\r\nX: y"]
)
def test_an_embedder_cannot_smuggle_a_directive(origin: str) -> None:
    with pytest.raises(ValueError, match="allow_embed"):
        Policy.make([origin])


def test_a_port_in_use_is_said_in_one_line() -> None:
    from timetravel.errors import BadInput
    from timetravel.server.app import PageServer

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        site: Any = None
        with pytest.raises(BadInput, match=f"cannot listen on 127.0.0.1:{port}"):
            PageServer(site, port=port)
