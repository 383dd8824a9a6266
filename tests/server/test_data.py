"""What the routes send equals what `run.*` says, to the bit or to half a quantisation step."""

import gzip
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_runs import ABSENT, CLASSES, EPOCHS, EXTENT, RESOLUTION, N, Running
from PIL import Image

from timetravel.analyze.columns import column, columns, map_columns
from timetravel.run import Run, open_run
from timetravel.server.encode import NOWHERE, STEPS

WIRE = {"f32": "<f4", "u16": "<u2", "u8": "u1", "i32": "<i4", "i64": "<i8"}


@pytest.fixture(scope="module")
def run(runs: dict[str, Path]) -> Run:
    return open_run(runs["made"])


def values(answer: Any) -> np.ndarray:
    assert answer.code == 200, answer.body[:300]
    return np.frombuffer(answer.body, WIRE[answer.headers["X-Dtype"]])


def test_positions_are_those_of_the_run(served: Running, run: Run) -> None:
    x0, x1, y0, y1 = EXTENT
    span, low = np.array([x1 - x0, y1 - y0]), np.array([x0, y0])
    for epoch in EPOCHS:
        steps = values(served.fetch(f"data/made/positions/aligned/{epoch}.u16")).reshape(N, 2)
        points = run.positions(epoch)
        absent = ~np.isfinite(points).all(1)
        assert np.flatnonzero(absent).tolist() == list(ABSENT.get(epoch, ()))
        assert (steps[absent] == NOWHERE).all()
        back = low + steps / STEPS * span
        assert np.abs(back - points)[~absent].max() <= span.max() / STEPS
        exact = values(served.fetch(f"data/made/positions/aligned/{epoch}.u16?precise=1")).reshape(N, 2)
        assert np.array_equal(exact, points, equal_nan=True)


def test_every_column_that_is_listed_is_sent(served: Running, run: Run) -> None:
    listed = served.json("data/made/run.json")["columns"]
    assert [one["name"] for one in listed] == [one.name for one in columns(run)]
    for one in listed:
        for epoch in EPOCHS if one["per_epoch"] else ("-",):
            answer = served.fetch(f"data/made/column/{one['name']}/{epoch}.bin")
            found = values(answer)
            assert answer.headers["X-Dtype"] == one["dtype"]
            assert len(found) == N == int(answer.headers["X-Count"])
            expected = column(run, one["name"], None if epoch == "-" else epoch)
            if one["kind"] == "text":
                names = served.json(f"data/made/categories/{one['name']}.json")
                assert [names[code] for code in found] == expected.tolist()
            elif one["kind"] == "class":
                assert np.array_equal(np.where(found == NOWHERE, -1, found.astype(int)), expected)
            elif one["dtype"] == "f32":
                assert np.array_equal(found, expected.astype(np.float32), equal_nan=True)
            else:
                known = np.isfinite(expected.astype(float))
                assert np.array_equal(found[known], expected[known])


def test_a_ramp_has_one_scale_over_all_epochs(served: Running, run: Run) -> None:
    every = np.concatenate([column(run, "loss", epoch).astype(float) for epoch in EPOCHS])
    every = every[np.isfinite(every)]
    found = served.json("data/made/limits/loss.json")
    assert np.allclose(found, np.percentile(every, (2, 98)))
    changes = np.concatenate([column(run, "loss_change", epoch).astype(float) for epoch in EPOCHS])
    reach = np.percentile(np.abs(changes[np.isfinite(changes)]), 98)
    assert np.allclose(served.json("data/made/limits/loss_change.json"), [-reach, reach])
    served.json("data/made/limits/label.json", status=404)
    served.json("data/made/limits/nonsense.json", status=404)
    kept = np.concatenate([run.map("aligned").columns(epoch)["neighbors_kept"] for epoch in EPOCHS])
    assert np.allclose(
        served.json("data/made/maplimits/aligned/neighbors_kept.json"),
        np.percentile(kept[np.isfinite(kept)], (2, 98)),
    )
    served.json("data/made/maplimits/aligned/loss.json", status=404)


def test_absent_samples_are_unknown_in_every_column(served: Running) -> None:
    gone = list(ABSENT[1])
    assert (values(served.fetch("data/made/column/predicted/1.bin"))[gone] == NOWHERE).all()
    assert (values(served.fetch("data/made/column/correct/1.bin"))[gone] == 2).all()
    assert np.isnan(values(served.fetch("data/made/column/loss/1.bin"))[gone]).all()


def test_the_first_epoch_has_no_changes(served: Running) -> None:
    assert not values(served.fetch("data/made/column/flipped/0.bin")).any()
    assert np.isnan(values(served.fetch("data/made/column/loss_change/0.bin"))).all()


def test_map_columns_are_those_of_the_map(served: Running, run: Run) -> None:
    stored = run.map()
    listed = served.json("data/made/run.json")["maps"][0]["columns"]
    assert listed == [one.name for one in map_columns(stored)]
    for name in listed:
        found = values(served.fetch(f"data/made/mapcolumn/aligned/{name}/3.bin"))
        expected = column(run, name, 3, map=stored)
        assert np.array_equal(found, expected.astype(found.dtype), equal_nan=True)


def test_regions_are_the_decision_map(served: Running, run: Run) -> None:
    answer = served.fetch("data/made/regions/aligned/3.bin")
    assert int(answer.headers["X-Resolution"]) == RESOLUTION
    cells = RESOLUTION * RESOLUTION
    raster = run.map().raster(3)
    assert raster is not None
    assert len(answer.body) == 4 * cells
    classes = np.frombuffer(answer.body[: 2 * cells], "<u2").reshape(RESOLUTION, RESOLUTION)
    confidence, trust = np.frombuffer(answer.body[2 * cells :], np.uint8).reshape(2, RESOLUTION, RESOLUTION)
    assert np.array_equal(classes, raster.cell_class)
    assert np.abs(confidence / 255 - raster.confidence).max() <= 0.5 / 255 + 1e-6
    assert np.abs(trust / 255 - raster.trust).max() <= 0.5 / 255 + 1e-6


def test_regions_are_sent_packed_and_plain_to_those_that_cannot_unpack(served: Running) -> None:
    import socket

    def raw(accept: str) -> bytes:
        request = (
            f"GET /data/made/regions/aligned/3.bin HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\n"
            f"Accept-Encoding: {accept}\r\nConnection: close\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", served.port), timeout=30) as stream:
            stream.sendall(request.encode())
            return b"".join(iter(lambda: stream.recv(65536), b""))

    packed, plain = raw("gzip"), raw("identity")
    assert b"Content-Encoding: gzip" in packed
    assert b"Content-Encoding" not in plain
    body = packed.split(b"\r\n\r\n", 1)[1]
    assert gzip.decompress(body) == plain.split(b"\r\n\r\n", 1)[1]


def test_the_boundary_is_in_map_units(served: Running, run: Run) -> None:
    pieces = served.json("data/made/boundary/aligned/3.json")["pieces"]
    (contour,) = run.map().contours(3)
    assert pieces == [{"classes": list(contour.classes), "xy": contour.points.reshape(-1).tolist()}]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_trails_are_positions_over_epochs(served: Running, method: str) -> None:
    rows = [5, 0, 17]
    path = "data/made/trails/aligned.bin"
    answer = (
        served.fetch(f"{path}?rows=5,0,17") if method == "GET" else served.fetch(path, "POST", {"rows": rows})
    )
    found = values(answer).reshape(len(EPOCHS), len(rows), 2)
    for at, epoch in enumerate(EPOCHS):
        steps = values(served.fetch(f"data/made/positions/aligned/{epoch}.u16")).reshape(N, 2)
        assert np.array_equal(found[at], steps[rows])


def test_images_are_those_of_the_run(served: Running, run: Run) -> None:
    images = run.images(run.samples.ids)
    assert images is not None
    answer = served.fetch("data/made/image/3.png")
    assert answer.headers["Content-Type"] == "image/png"
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(answer.body))), images[3])
    rows = [7, 3, 20]
    sheet = served.fetch("data/made/sheet.png", "POST", {"rows": rows, "size": 8})
    paper = np.asarray(Image.open(io.BytesIO(sheet.body)))
    for at, row in enumerate(rows):
        assert np.array_equal(paper[:8, 8 * at : 8 * at + 8, 0], images[row])


def test_an_answer_under_its_key_is_kept_for_ever_and_else_checked_each_time(served: Running) -> None:
    described = served.json("data/made/run.json")
    map_key = described["maps"][0]["key"]
    for path, key in (
        ("data/made/positions/aligned/3.u16", map_key),
        ("data/made/regions/aligned/3.bin", map_key),
        ("data/made/column/loss/3.bin", described["epoch_key"]),
        ("data/made/column/loss/3.bin", described["key"]),
        ("data/made/column/label/-.bin", described["key"]),
        ("data/made/image/3.png", described["epoch_key"]),
    ):
        kept = served.fetch(f"{path}?k={key}")
        assert "immutable" in kept.headers["Cache-Control"], path
        assert "private" in kept.headers["Cache-Control"]
        for other in (path, f"{path}?k=stale"):
            fresh = served.fetch(other)
            assert fresh.body == kept.body
            assert "no-cache" in fresh.headers["Cache-Control"]
            assert served.fetch(other, **{"If-None-Match": fresh.headers["Etag"]}).code == 304


def test_the_overview_equals_the_run(served: Running, run: Run) -> None:
    described = served.json("data/made/run.json")
    assert described["epochs"] == run.epochs == list(EPOCHS)
    assert described["classes"] == list(CLASSES)
    assert described["samples"] == N
    assert described["steps"] == [0, 10, 30, 40]
    assert described["learning_rate"] == [0.1, 0.1, 0.01, 0.01]
    assert described["metrics"]["train_loss"] == pytest.approx([1, 1 / 2, 1 / 3, 1 / 4])
    assert described["metrics"]["val_loss"] == [None] * 4
    assert sum(described["class_counts"]) == N - 1
    assert len(described["palette"]["light"]) == len(described["palette"]["ring"]) == len(CLASSES)
    assert described["has"] == {
        "labels": True,
        "true_labels": True,
        "logits": True,
        "images": True,
        "inputs": True,
        "checkpoints": False,
        "activations": True,
        "labelling": True,
        "head": True,
        "factory": False,
    }
    assert {"epoch": 3, "kind": "learning_rate", "text": "learning rate from 0.1 to 0.01"} in described[
        "ticks"
    ]
    assert [one["round"] for one in described["rounds"]] == [0, 1, 2, 3]
    (stored,) = described["maps"]
    assert stored["extent"] == list(EXTENT)
    x0, x1, y0, y1 = stored["view"]
    points = np.concatenate([run.positions(epoch) for epoch in EPOCHS])
    inside = (points > [x0, y0]).all(1) & (points < [x1, y1]).all(1)
    assert inside[np.isfinite(points).all(1)].mean() > 0.95


def test_what_takes_all_epochs_comes_apart_and_equals_the_run(served: Running, run: Run) -> None:
    described = served.json("data/made/over_time.json")
    split = run.samples.split
    for at, epoch in enumerate(EPOCHS):
        said = run.predictions(epoch)
        known = (said.predicted >= 0) & (run.samples.labels >= 0)
        for name in ("train", "test"):
            mine = known & (split == name)
            assert described["accuracy"][name][at] == pytest.approx(said.correct[mine].mean())
        if at:
            before = run.predictions(EPOCHS[at - 1]).predicted
            both = (before >= 0) & (said.predicted >= 0)
            assert described["flips"][at] == int(((before != said.predicted) & both).sum())
    assert described["flips"][0] is described["learned"][0] is described["forgotten"][0] is None
    (figures,) = served.json("data/made/figures.json")["maps"].values()
    assert figures["quality"]["ppr"] == [0.97] * 4
    assert figures["quality"]["trustworthiness"] == [None] * 4
    assert any("neighbours" in sentence for sentence in figures["words"]["3"])
    told = served.json("data/made/interesting.json")["interesting"]
    assert [one["epoch"] for one in told] == [one.epoch for one in run.interesting_epochs()]
    assert all(one["reason"] for one in told)


def test_many_who_ask_for_one_thing_take_one_thread(served: Running) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: served.fetch("data/made/interesting.json").body, range(8)))
    assert len(set(answers)) == 1
    assert not served.site.making
