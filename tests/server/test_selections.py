"""Selections are kept by hash and by name."""

import base64
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from made_runs import N, Running, write_run

from timetravel.run import open_run
from timetravel.server.encode import mask_bits, mask_text


@pytest.fixture
def running(tmp_path: Path, serving: Callable[..., Running]) -> Running:
    return serving([write_run(tmp_path / "run")], live=False)


def test_a_mask_is_called_by_its_content(running: Running) -> None:
    rows = [3, 5, 59]
    first = running.json("data/run/mask.json", "POST", {"rows": rows})
    again = running.json("data/run/mask.json", "POST", {"mask": mask_text(np.array(rows), N)})
    assert first == again
    assert first["count"] == 3
    answer = running.fetch(f"data/run/mask/{first['key']}.bin?k={first['key']}")
    assert answer.body == mask_bits(np.array(rows), N)
    assert "immutable" in answer.headers["Cache-Control"]
    other = running.json("data/run/mask.json", "POST", {"rows": [1]})
    assert other["key"] != first["key"]


def test_a_kept_mask_outlives_the_server(tmp_path: Path, serving: Callable[..., Running]) -> None:
    path = write_run(tmp_path / "run")
    first = serving([path], live=False)
    key = first.json("data/run/mask.json", "POST", {"rows": [2, 4], "keep": True})["key"]
    gone = first.json("data/run/mask.json", "POST", {"rows": [2, 5]})["key"]
    assert first.json("data/run/selections.json")["selections"] == []
    second = serving([path], live=False)
    assert second.fetch(f"data/run/mask/{key}.bin").body == mask_bits(np.array([2, 4]), N)
    assert second.fetch(f"data/run/mask/{gone}.bin").code == 404


def test_a_selection_is_saved_found_and_forgotten(running: Running, tmp_path: Path) -> None:
    body = {"name": "odd ones <b>", "rows": [9, 1, 1], "expression": "wrong", "note": "look again"}
    listed = running.json("data/run/selections.json", "POST", body)
    assert listed["saved"] is True
    (one,) = listed["selections"]
    assert {name: one[name] for name in ("name", "count", "expression", "note")} == {
        "name": "odd ones <b>",
        "count": 2,
        "expression": "wrong",
        "note": "look again",
    }
    with open_run(tmp_path / "run") as run:
        assert sorted(run.selection("odd ones <b>").ids.tolist()) == sorted(run.samples.ids[[1, 9]].tolist())
    whole = running.json("data/run/selections.json?name=odd%20ones%20%3Cb%3E")
    assert base64.b64decode(whole["mask"]) == mask_bits(np.array([1, 9]), N)
    found = running.json("data/run/query", "POST", {"query": 'slice:"odd ones <b>"'})
    assert found["count"] == 2
    assert running.json("data/run/selections.json?name=odd%20ones%20%3Cb%3E", "DELETE")["selections"] == []
    assert running.json("data/run/selections.json?name=x", "DELETE", status=404)["error"]["message"]


@pytest.mark.parametrize(
    "body",
    [
        {"rows": [1]},
        {"name": "", "rows": [1]},
        {"name": "   ", "rows": [1]},
        {"name": "mask:x", "rows": [1]},
        {"name": "x" * 301, "rows": [1]},
        {"name": "a\0b", "rows": [1]},
        {"name": 3, "rows": [1]},
        {"name": "x", "rows": [N]},
        {"name": "x", "rows": [-1]},
        {"name": "x", "rows": "1"},
        {"name": "x", "rows": [[1]]},
        {"name": "x", "mask": "A"},
        {"name": "x", "mask": "AAAA"},
    ],
)
def test_what_is_no_selection_is_refused(running: Running, body: dict[str, object]) -> None:
    error = running.json("data/run/selections.json", "POST", body, status=400)["error"]
    assert error["message"]
    assert running.json("data/run/selections.json")["selections"] == []


def test_a_read_only_folder_keeps_selections_beside_the_run(
    running: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Root may write into any folder, so the answer of the system is replaced, not the mode of the folder.
    monkeypatch.setattr("timetravel.store.places.is_writable", lambda folder: False)
    monkeypatch.setenv("TIMETRAVEL_CACHE", str(tmp_path / "cache"))
    before = sorted((tmp_path / "run").rglob("*"))
    listed = running.json("data/run/selections.json", "POST", {"name": "mine", "rows": [1]})
    assert [one["name"] for one in listed["selections"]] == ["mine"]
    assert not listed["saved"]
    assert "Not saved in the run" in listed["text"]
    assert sorted((tmp_path / "run").rglob("*")) == before


def test_where_nothing_can_be_written_selections_stay_in_memory(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    from timetravel.store.run import StoredRun

    def refuse(*arguments: object, **more: object) -> None:
        raise PermissionError("read-only file system")

    monkeypatch.setattr(StoredRun, "save_selection", refuse)
    listed = running.json("data/run/selections.json", "POST", {"name": "mine", "rows": [1, 2]})
    assert [one["name"] for one in listed["selections"]] == ["mine"]
    assert not listed["saved"]
    assert "Not saved in the run" in listed["text"]
    assert running.json("data/run/selections.json?name=mine")["count"] == 2
    assert running.json("data/run/selections.json?name=mine", "DELETE")["selections"] == []
