"""A ledger: the order of its steps on disk, its lock, and manifests that lie."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from timetravel.errors import FormatTooNew, RunCorrupt, RunLocked, RunNotFound, TimetravelError
from timetravel.store import manifest
from timetravel.store.ledger import Ledger, Part
from timetravel.store.lock import is_held
from timetravel.store.paths import segment_path
from timetravel.store.run import open_run


class Recorded:
    """Calls of the file functions, in order, with paths relative to a folder."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[tuple[str, ...]] = []
        plain = {name: getattr(os, name) for name in ("open", "fsync", "rename", "replace", "link")}

        def name(path: object) -> str:
            found = os.path.relpath(str(path), folder)
            return "." if found == "." else found

        def fsync(descriptor: int) -> None:
            self.calls.append(("fsync", name(os.readlink(f"/proc/self/fd/{descriptor}"))))
            plain["fsync"](descriptor)

        def moved(what: str) -> object:
            def call(source: object, target: object) -> None:
                self.calls.append((what, name(source), name(target)))
                plain[what](source, target)

            return call

        monkeypatch.setattr(os, "fsync", fsync)
        for what in ("rename", "replace", "link"):
            monkeypatch.setattr(os, what, moved(what))


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="names of open files come from /proc")
def test_data_then_name_then_manifest_then_its_name_each_synced_before_the_next(small, run, monkeypatch):
    facts = run / "facts"
    with small.open(run) as writer:
        recorded = Recorded(facts, monkeypatch)
        writer.commit(small.facts(3, checkpoint={"w": small.head.weight}))
        calls = recorded.calls
        monkeypatch.undo()
    files = [segment.file for segment in manifest.load(facts)[0].segments[-3:]]
    expected = []
    for number, file in enumerate(files):
        suffix = file.rpartition(".")[2]
        folder = os.path.dirname(file) or "."
        new_folder = [("fsync", ".")] if folder == "checkpoints" else []  # the first checkpoint of the run
        expected += [("fsync", f"tmp/{number}.{suffix}"), *new_folder]
        expected += [("rename", f"tmp/{number}.{suffix}", file), ("fsync", folder)]
    expected += [
        ("fsync", "tmp/manifest.json"),
        ("link", "manifest.json", "tmp/previous"),
        ("replace", "tmp/previous", "manifest.prev.json"),
        ("replace", "tmp/manifest.json", "manifest.json"),
        ("fsync", "."),
    ]
    assert calls == expected


def test_a_second_writer_is_refused_naming_the_first(small, run):
    with small.open(run):
        with pytest.raises(
            RunLocked, match=rf"process {os.getpid()} on \S+, since \S+; wait|is being written"
        ):
            small.open(run)
        assert is_held(run / "facts")
    assert not is_held(run / "facts")
    assert (run / "facts" / "lock").read_bytes() == b""


HOLD = """
import sys, time
from timetravel.store.lock import LedgerLock
from pathlib import Path
lock = LedgerLock(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGTERM])
def test_the_lock_of_a_dead_writer_is_free_at_once(small, run, stop):
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(run / "facts")], stdout=subprocess.PIPE, text=True
    )
    try:
        assert child.stdout.readline() == "held\n"
        with pytest.raises(RunLocked, match=f"process {child.pid} on "):
            small.open(run)
    finally:
        child.send_signal(stop)
        child.wait()
        child.stdout.close()
    with small.open(run) as writer:
        writer.commit(small.facts(3))


def test_a_stopped_writer_keeps_its_lock(small, run):
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(run / "facts")], stdout=subprocess.PIPE, text=True
    )
    try:
        child.stdout.readline()
        child.send_signal(signal.SIGSTOP)
        with pytest.raises(RunLocked):
            small.open(run)
    finally:
        child.kill()
        child.wait()
        child.stdout.close()


def test_a_forked_child_can_neither_write_nor_keep_the_lock(small, run):
    writer = small.open(run)
    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()

    def child() -> None:
        try:
            writer.commit(small.facts(3))
            answers.put("written")
        except TimetravelError as error:
            answers.put(str(error))
        time.sleep(30)

    process = context.Process(target=child)
    process.start()
    assert "was forked from the writer" in answers.get()
    writer.commit(small.facts(3))
    writer.close()
    with small.open(run) as again:  # although the child lives
        assert again.committed_epochs == [0, 1, 2, 3]
    process.kill()
    process.join()


def test_what_is_left_in_tmp_goes_with_the_next_writer(small, run):
    tmp = run / "facts" / "tmp"
    tmp.mkdir()
    (tmp / "0.duckdb").write_bytes(b"half")
    with small.open(run):
        assert list(tmp.iterdir()) == []
    assert not tmp.exists()


def test_the_manifest_before_is_used_when_the_last_is_damaged_and_it_is_said(small, run):
    path = run / "facts" / "manifest.json"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with open_run(run) as opened:
        assert opened.epochs == [0, 1]
        assert "manifest.json" in opened.notice
        assert "the last commit may be missing" in opened.notice
    path.unlink()
    with open_run(run) as opened:
        assert opened.epochs == [0, 1]
        assert "is missing" in opened.notice
    with small.open(run) as writer:
        assert writer.committed_epochs == [0, 1]
        writer.commit(small.facts(2))
    with open_run(run) as opened:
        assert opened.epochs == [0, 1, 2]
        assert opened.notice is None


def test_two_damaged_manifests_are_an_error_that_names_them(run):
    for name in ("manifest.json", "manifest.prev.json"):
        (run / "facts" / name).write_bytes(b"{}")
    with pytest.raises(RunCorrupt, match=r"manifest\.json is no manifest"):
        open_run(run)


def signed(content: dict) -> bytes:
    return json.dumps(content | {"checksum": manifest.checksum_of(content)}).encode()


def change_manifest(run: Path, change) -> None:
    """Change a manifest as somebody would who knows how its checksum is made."""
    (run / "facts" / "manifest.prev.json").unlink()
    path = run / "facts" / "manifest.json"
    content = json.loads(path.read_bytes())
    change(content)
    path.write_bytes(signed(content))


HOSTILE_NAMES = [
    "../000001-aaaaaaaaaaaa.duckdb",
    "../../etc/passwd",
    "/etc/passwd",
    "/000001-aaaaaaaaaaaa.duckdb",
    "vectors/../../x-aaaaaaaaaaaa.duckdb",
    "vectors//000001-aaaaaaaaaaaa.duckdb",
    "./000001-aaaaaaaaaaaa.duckdb",
    "000001-aaaaaaaaaaaa.duckdb/",
    "000001-aaaaaaaaaaaa.duckdb\n",
    "000001-aaaaaaaaaaaa.duckdb\0",
    "000001-AAAAAAAAAAAA.duckdb",
    "000001-aaaaaaaaaaaa.so",
    "000001-aaaaaaaaaaaa.duckdb' AS x; ATTACH '/tmp/y",
    "s3://bucket/000001-aaaaaaaaaaaa.duckdb",
    "C:\\000001-aaaaaaaaaaaa.duckdb",
    "..\\000001-aaaaaaaaaaaa.duckdb",
    "%2e%2e/000001-aaaaaaaaaaaa.duckdb",
    "~/000001-aaaaaaaaaaaa.duckdb",
    "",
    "a" * 300 + "-aaaaaaaaaaaa.duckdb",
]


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_manifest_cannot_point_outside_its_folder(run, name):
    with pytest.raises(RunCorrupt, match="is no name of a segment"):
        segment_path(run / "facts", name)
    change_manifest(run, lambda content: content["segments"][0].update(file=name))
    with pytest.raises(RunCorrupt):
        open_run(run)


def test_a_segment_behind_a_symbolic_link_is_not_followed(run, tmp_path):
    target = manifest.load(run / "facts")[0].segments[-1].file
    path = run / "facts" / target
    elsewhere = tmp_path / "elsewhere.duckdb"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)
    with open_run(run) as opened:
        assert opened.epochs == [0, 1]
        assert "is a symbolic link" in opened.damaged[2]
        with pytest.raises(RunCorrupt, match="links are not followed"):
            opened.predictions(2)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is no manifest"),
        (b"[]", "found list"),
        (b"[" * 100_000, "is no manifest"),
        (b'{"a":' * 50_000, "is no manifest"),
        (b"\xff\xfe", "is no manifest"),
        (b'{"version": 1}', "is no manifest"),
        (b'{"generation": 1' + b"0" * 5000 + b"}", "is no manifest"),
        (
            signed({"format": "other", "ledger": "facts", "generation": 1, "segments": [], "version": 1}),
            "format is 'other'",
        ),
    ],
)
def test_what_is_no_manifest_is_refused_by_name(run, content, message):
    for name in ("manifest.json", "manifest.prev.json"):
        (run / "facts" / name).write_bytes(content)
    with pytest.raises(RunCorrupt, match=message):
        open_run(run)


def test_a_huge_manifest_is_not_read(run, monkeypatch):
    monkeypatch.setattr(manifest, "LARGEST_MANIFEST_BYTES", 1000)
    monkeypatch.setattr(manifest.read_bounded, "__defaults__", (1000,))
    with pytest.raises(RunCorrupt, match="is larger than 1000 bytes"):
        open_run(run)


@pytest.mark.parametrize("file", ["run.json", "facts/manifest.json"])
def test_a_later_format_is_refused_with_both_versions(small, run, file):
    path = run / file
    content = json.loads(path.read_bytes()) | {"version": 2, "minimum_reader": 2}
    path.write_bytes(signed(content) if "manifest" in file else json.dumps(content).encode())
    before = path.read_bytes()
    with pytest.raises(
        FormatTooNew, match=r"format 2 and needs a reader of format 2, this timetravel reads 1; upgrade"
    ):
        open_run(run)
    with pytest.raises(FormatTooNew):
        small.open(run)
    assert path.read_bytes() == before


def test_a_later_format_that_allows_older_readers_is_read(run):
    path = run / "facts" / "manifest.json"
    path.write_bytes(signed(json.loads(path.read_bytes()) | {"version": 2, "minimum_reader": 1, "news": [1]}))
    with open_run(run) as opened:
        assert opened.epochs == [0, 1, 2]


def test_a_wrong_hash_names_the_file(run):
    def change(content):
        content["segments"][-1]["sha256"] = "0" * 64

    change_manifest(run, change)
    with open_run(run) as opened:
        assert list(opened.damaged) == [2]
        assert "is damaged" in opened.damaged[2]


def test_a_commit_that_fails_says_why_and_changes_nothing(tmp_path):
    def failing(path: Path) -> dict[str, int]:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with Ledger(tmp_path / "ledger", "facts") as ledger:
        with pytest.raises(TimetravelError, match=r"nothing was changed: .*No space left .* MB are free"):
            ledger.commit([Part(kind="facts", suffix="duckdb", build=failing)])
        assert ledger.is_new
        assert list((tmp_path / "ledger" / "tmp").iterdir()) == []
        with pytest.raises(TimetravelError, match="this commit needs"):
            ledger.commit([], expected_bytes=1 << 60)


def test_folders_that_are_no_run_are_told_apart(small, tmp_path):
    for path, message in [
        (tmp_path / "nothing", "does not exist"),
        (tmp_path, "is no run"),
    ]:
        with pytest.raises(RunNotFound, match=message):
            open_run(path)
    (tmp_path / "file").write_text("")
    with pytest.raises(RunNotFound, match="is a file"):
        open_run(tmp_path / "file")
    small.run(tmp_path / "runs" / "one", [0])
    with pytest.raises(RunNotFound, match="holds 1: one; pass one of them"):
        open_run(tmp_path / "runs")
