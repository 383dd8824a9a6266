"""Jobs over HTTP: saliency of a real network in a worker, projection of a run, and what is refused."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_runs import Running, write_run

from timetravel.run import open_run
from timetravel.store.facts import EpochFacts, EpochRecord, Head, Inputs, RunDescription, Samples
from timetravel.store.writer import FactsWriter

FACTORY = """
from torch import nn

def make(width):
    return nn.Sequential(nn.Flatten(), nn.Linear(width, 3))
"""
TIMEOUT_S = 120


def finished(running: Running, started: dict[str, Any]) -> dict[str, Any]:
    """The job when it has ended."""
    until = time.monotonic() + TIMEOUT_S
    while time.monotonic() < until:
        told = running.json(f"jobs/{started['id']}")
        if told["state"] not in ("queued", "running"):
            return dict(told)
        time.sleep(0.05)
    raise AssertionError(told)


@pytest.fixture(scope="module")
def linear(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[np.ndarray], np.ndarray]:
    """A recorded linear network, whose gradient is its weights: (run, weights by epoch, inputs)."""
    random = np.random.default_rng(0)
    inputs = random.random((6, 1, 4, 4)).astype(np.float32)
    ids = np.arange(6, dtype=np.int64)
    path = tmp_path_factory.mktemp("linear") / "linear"
    description = RunDescription(
        name="linear", classes=("a", "b", "c"), factory="linear_factory:make", factory_arguments={"width": 16}
    )
    samples = Samples(ids=ids, labels=np.arange(6, dtype=np.int32) % 3, split=np.array(["train"] * 6, object))
    weights = [random.normal(size=(3, 16)).astype(np.float32) for _ in range(2)]
    bias = np.zeros(3, np.float32)
    with FactsWriter.open(
        path, description, samples, Inputs(ids=ids, arrays=list(inputs), layout="tensor")
    ) as writer:
        for epoch, weight in enumerate(weights):
            x = inputs.reshape(6, 16)
            head = Head(weight=weight, bias=bias)
            writer.commit(
                EpochFacts(
                    record=EpochRecord(epoch=epoch),
                    sample_ids=ids,
                    representations=x,
                    head=head,
                    logits=head.logits(x).astype(np.float32),
                    checkpoint={"1.weight": weight, "1.bias": bias},
                )
            )
    return path, weights, inputs


@pytest.fixture
def importable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "linear_factory.py").write_text(FACTORY, encoding="utf-8")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])


def test_saliency_is_that_of_the_network_at_each_epoch(
    linear: tuple[Path, list[np.ndarray], np.ndarray], importable: None, serving: Callable[..., Running]
) -> None:
    path, weights, _ = linear
    running = serving([path], live=False, factory="linear_factory:make")
    assert running.json("data/linear/run.json")["missing"]["saliency"] is None
    request = {
        "kind": "saliency",
        "run": "linear",
        "row": 4,
        "epochs": [0, 1],
        "method": "saliency",
        "target": 2,
    }
    started = running.json("jobs", "POST", request, status=202)
    done = finished(running, started)
    assert done["state"] == "done", done["error"]
    result = done["result"]
    assert (result["height"], result["width"], result["epochs"], result["targets"]) == (4, 4, [0, 1], [2, 2])
    maps = np.frombuffer(running.fetch(f"jobs/{done['id']}/result.bin").body, "<f4").reshape(2, 4, 4)
    for at, weight in enumerate(weights):
        assert maps[at] == pytest.approx(np.abs(weight[2]).reshape(4, 4), rel=1e-5)
    assert not result["signed"]
    assert running.json("jobs", "POST", request, status=202)["id"] == done["id"]
    assert running.json("jobs")["jobs"][0]["id"] == done["id"]
    layer = {"kind": "neurons", "run": "linear", "row": 4, "epoch": 1, "target": 0, "layer": "1"}
    units = finished(running, running.json("jobs", "POST", layer, status=202))
    assert units["state"] == "done", units["error"]
    assert units["result"]["total_units"] == 3


def test_the_saliency_of_a_set_is_the_mean_over_its_samples(
    linear: tuple[Path, list[np.ndarray], np.ndarray], importable: None, serving: Callable[..., Running]
) -> None:
    path, weights, inputs = linear
    running = serving([path], live=False, factory="linear_factory:make")
    request = {"kind": "saliency", "run": "linear", "epochs": [0, 1], "method": "input_x_gradient"}
    rows = [0, 3, 5]
    for target in (1, "predicted"):
        body = {**request, "rows": rows, "target": target, "sample_ids": [99]}
        done = finished(running, running.json("jobs", "POST", body, status=202))
        assert done["state"] == "done", done["error"]
        maps = np.frombuffer(running.fetch(f"jobs/{done['id']}/result.bin").body, "<f4").reshape(2, 4, 4)
        for at, weight in enumerate(weights):
            flat = inputs.reshape(6, 16)[rows]
            told = np.full(3, 1) if target == 1 else (flat @ weight.T).argmax(1)
            assert maps[at] == pytest.approx((flat * weight[told]).mean(0).reshape(4, 4), abs=1e-5)
            wanted = int(told[0]) if (told == told[0]).all() else -1
            assert done["result"]["targets"][at] == wanted
        assert done["result"]["samples"] == 3
    for wrong in ([], [0] * 65, "0", [9]):
        running.json("jobs", "POST", {**request, "rows": wrong}, status=400)


def test_a_factory_runs_only_when_the_server_was_given_it(
    linear: tuple[Path, list[np.ndarray], np.ndarray], importable: None, serving: Callable[..., Running]
) -> None:
    running = serving([linear[0]], live=False)
    sentence = running.json("data/linear/run.json")["missing"]["saliency"]
    assert "--factory linear_factory:make" in sentence
    request = {
        "kind": "saliency",
        "run": "linear",
        "row": 0,
        "epochs": [0],
        "factory": "linear_factory:make",
        "path": "/somewhere/else",
    }
    done = finished(running, running.json("jobs", "POST", request, status=202))
    assert done["state"] == "failed"
    assert "--factory" in done["error"]
    assert running.fetch(f"jobs/{done['id']}/result.bin").code == 409


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"kind": "shell", "run": "made"}, 400),
        ({"kind": ["saliency"], "run": "made"}, 400),
        ({"kind": "saliency", "run": "nobody", "row": 0, "epochs": [0]}, 404),
        ({"kind": "saliency", "run": "made", "row": 10_000, "epochs": [0]}, 400),
        ({"kind": "saliency", "run": "made", "row": 0, "epochs": [2]}, 404),
        ({"kind": "saliency", "run": "made", "row": 0, "epochs": []}, 400),
        ({"kind": "saliency", "run": "made", "row": 0, "epochs": "all"}, 400),
        ({"kind": "neurons", "run": "made", "row": 0, "epoch": "x"}, 400),
    ],
)
def test_what_is_no_job_is_refused(served: Running, body: dict[str, Any], status: int) -> None:
    assert served.json("jobs", "POST", body, status=status)["error"]["message"]


def test_unknown_jobs_are_unknown(served: Running) -> None:
    for method, path in (("GET", "jobs/" + "0" * 16), ("DELETE", "jobs/" + "0" * 16)):
        assert "no such job" in served.json(path, method, status=404)["error"]["message"]


@pytest.mark.slow
def test_the_page_makes_a_map_where_there_is_none(tmp_path: Path, serving: Callable[..., Running]) -> None:
    path = write_run(tmp_path / "run")
    running = serving([path], live=False)
    described = running.json("data/run/run.json")
    assert described["maps"] == []
    assert "timetravel project" in described["no_map"]
    done = finished(running, running.json("jobs", "POST", {"kind": "project", "run": "run"}, status=202))
    assert done["state"] == "done", done["error"]
    assert done["message"]
    (stored,) = running.json("data/run/run.json")["maps"]
    assert stored["name"] == done["result"]["map"]
    answer = running.fetch(f"data/run/positions/{stored['name']}/3.u16?precise=1")
    with open_run(path) as run:
        assert np.array_equal(
            np.frombuffer(answer.body, "<f4").reshape(-1, 2), run.positions(3), equal_nan=True
        )


def test_a_running_job_is_cancelled(tmp_path: Path, serving: Callable[..., Running]) -> None:
    running = serving([write_run(tmp_path / "run")], live=False)
    started = running.json("jobs", "POST", {"kind": "project", "run": "run"}, status=202)
    told = running.json(f"jobs/{started['id']}", "DELETE")
    assert told["state"] == "cancelled"
    assert running.json(f"jobs/{started['id']}")["state"] == "cancelled"
