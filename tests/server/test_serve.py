"""Serving from the command line: one line with the address, a clean stop, plain words for what is wrong."""

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import HTTPCookieProcessor, build_opener, urlopen

import pytest
from made_runs import Running

Start = Callable[..., tuple["subprocess.Popen[str]", str]]

TIMEOUT_S = 60


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a server process and gives it with the line that it printed."""
    started: list[subprocess.Popen[str]] = []

    def begin(*arguments: str | Path) -> tuple[subprocess.Popen[str], str]:
        command = [sys.executable, "-m", "timetravel.server", *map(str, arguments)]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        started.append(process)
        assert process.stdout is not None
        return process, process.stdout.readline()

    yield begin
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=TIMEOUT_S)


def address(line: str) -> str:
    found = re.search(r"http://\S+", line)
    assert found, line
    return found[0]


@pytest.mark.parametrize("which", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(start: Start, runs: dict[str, Path], which: signal.Signals) -> None:
    process, line = start(runs["made"])
    url = address(line)
    with urlopen(url, timeout=TIMEOUT_S) as page:
        assert page.status == 200
    # A page that is open, and a kept connection, do not hold up the stop.
    port = int(url.rstrip("/").rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)):
        process.send_signal(which)
        assert process.wait(TIMEOUT_S) == 0
    out, errors = process.communicate()
    assert out == ""
    assert errors == ""
    with socket.create_server(("127.0.0.1", port)):
        pass


def test_off_loopback_a_token_is_made_printed_once_and_asked_for(start: Start, runs: dict[str, Path]) -> None:
    process, line = start(runs["made"], "--host", "0.0.0.0")
    url = address(line)
    assert re.search(r"\?token=[\w-]{43,}$", url)
    with pytest.raises(HTTPError, match="403"):
        urlopen(url.partition("?")[0], timeout=TIMEOUT_S)
    opener = build_opener(HTTPCookieProcessor())
    with opener.open(url, timeout=TIMEOUT_S) as page:
        assert page.status == 200
        assert "token" not in page.url
    process.terminate()
    out, errors = process.communicate(timeout=TIMEOUT_S)
    assert url.partition("token=")[2] not in out + errors


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["/nowhere/at/all"], "does not exist"),
        (["{empty}"], "no run"),
        (["{made}", "--port", "{taken}"], "cannot listen"),
        (["{made}", "--factory", "nonsense"], "module:function"),
        (["{made}", "--allow-origin", "*"], "exact host:port"),
    ],
)
def test_what_cannot_be_served_is_said_in_one_line(
    start: Start, runs: dict[str, Path], tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        known = {
            "{empty}": str(tmp_path),
            "{made}": str(runs["made"]),
            "{taken}": str(taken.getsockname()[1]),
        }
        process, line = start(*[known.get(one, one) for one in arguments])
        _, errors = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 2
    assert line == ""
    assert sentence in errors
    assert errors.count("\n") == 1


def test_a_worker_does_not_outlive_a_killed_server(start: Start, runs: dict[str, Path]) -> None:
    import json
    import time
    from urllib.request import Request

    process, line = start(runs["made"])
    body = json.dumps({"kind": "project", "run": "made", "name": "again"}).encode()
    with urlopen(Request(address(line) + "jobs", body), timeout=TIMEOUT_S) as answer:
        assert answer.status == 202
    children: list[int] = []
    listing = Path(f"/proc/{process.pid}/task")
    if not listing.is_dir():
        pytest.skip("needs /proc to find the worker")
    for _ in range(600):
        children = [int(pid) for task in listing.iterdir() for pid in (task / "children").read_text().split()]
        if children:
            break
        time.sleep(0.05)
    assert children
    process.kill()
    for _ in range(600):
        if not any(is_running(pid) for pid in children):
            return
        time.sleep(0.05)
    raise AssertionError(children)


def is_running(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_a_folder_of_runs_is_listed_and_a_damaged_one_harms_nobody(
    tmp_path: Path, runs: dict[str, Path], serving: Callable[..., Running]
) -> None:
    import shutil

    folder = tmp_path / "many"
    for name in ("made", "bare"):
        shutil.copytree(runs[name], folder / name)
    (folder / "broken" / "facts").mkdir(parents=True)
    (folder / "broken" / "run.json").write_text("{", encoding="utf-8")
    (folder / "no-run").mkdir()
    (folder / "A name, with ünicode").mkdir()
    shutil.copytree(runs["other"], folder / "A name, with ünicode", dirs_exist_ok=True)
    running = serving([folder], live=False)
    listed = running.json("runs.json")
    assert sorted(listed["runs"]) == ["a-name-with-nicode", "bare", "broken", "made"]
    assert running.json("data/made/run.json")["samples"]
    error = running.json("data/broken/run.json", status=404)["error"]
    assert error["message"]
    entries = {one["slug"]: one for one in running.json("runs.json")["entries"]}
    assert entries["broken"]["error"]
    assert entries["made"]["error"] is None
    # A run that appears later is listed too, and a damaged one works once it is whole.
    shutil.copytree(runs["mapless"], folder / "late")
    assert "late" in running.json("runs.json")["runs"]
    shutil.rmtree(folder / "broken")
    shutil.copytree(runs["made"], folder / "broken")
    assert running.json("data/broken/run.json")["samples"]
    entries = {one["slug"]: one for one in running.json("runs.json")["entries"]}
    assert entries["broken"]["error"] is None


def test_two_folders_of_one_name_get_two_slugs(
    tmp_path: Path, runs: dict[str, Path], serving: Callable[..., Running]
) -> None:
    import shutil

    paths = [shutil.copytree(runs[name], tmp_path / name / "run") for name in ("made", "other")]
    running = serving(list(paths), live=False)
    assert running.json("runs.json")["open"] == ["run", "run-2"]
    names = [running.json(f"data/{slug}/run.json")["name"] for slug in ("run", "run-2")]
    assert names == ["made", "other"]


def test_nothing_but_loopback_is_asked_while_serving(runs: dict[str, Path]) -> None:
    code = """
import asyncio, sys
strangers = []
def heed(event, arguments):
    if event == "socket.connect" and arguments[1][0] not in ("127.0.0.1", "::1"):
        strangers.append(arguments[1])
    if event == "socket.getaddrinfo" and arguments[0] not in (None, "127.0.0.1", "::1", "localhost"):
        strangers.append(arguments[0])
sys.addaudithook(heed)
import timetravel
from urllib.request import urlopen
with timetravel.show(sys.argv[1], open_browser=False) as viewer:
    for path in ("", "runs.json", "data/made/run.json", "data/made/findings.json"):
        urlopen(viewer.url + path, timeout=60).read()
print(strangers)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(runs["made"])],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stdout.strip() == "[]"


def test_the_server_starts_without_torch(runs: dict[str, Path]) -> None:
    code = """
import sys
import timetravel
from urllib.request import urlopen
with timetravel.show(sys.argv[1], open_browser=False) as viewer:
    for path in ("", "data/made/run.json", "data/made/findings.json", "data/made/neurons/3.json?row=1"):
        urlopen(viewer.url + path, timeout=60).read()
print(sorted({"torch", "torchvision", "captum", "umap", "vtkmodules"} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(runs["made"])],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stdout.strip() == "[]"
