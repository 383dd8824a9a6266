"""Routes of samples and sets: each number is that of the run."""

import csv
import io
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
from made_runs import ABSENT, CLASSES, EPOCHS, N, Running

from timetravel.analyze.response import softmax
from timetravel.run import Run, open_run
from timetravel.server.encode import mask_rows, mask_text


@pytest.fixture(scope="module")
def run(runs: dict[str, Path]) -> Run:
    return open_run(runs["made"])


def test_a_sample_tells_its_history(served: Running, run: Run) -> None:
    row = 5
    told = served.json(f"data/made/sample/{row}.json?map=aligned")
    assert told["id"] == run.samples.ids[row]
    assert told["label"] == run.samples.labels[row]
    assert told["attributes"]["source"] == run.samples.attributes["source"][row]
    assert told["epochs"] == list(EPOCHS)
    assert told["present"] == [row not in ABSENT.get(epoch, ()) for epoch in EPOCHS]
    for at, epoch in enumerate(EPOCHS):
        said = run.predictions(epoch)
        assert told["predicted"][at] == said.predicted[row]
        logits = run.logits(epoch)
        assert logits is not None
        for name, values in (("p_true", said.p_true), ("confidence", said.p_predicted), ("loss", said.loss)):
            expected = None if np.isnan(values[row]) else pytest.approx(values[row], rel=1e-6)
            assert told[name][at] == expected
        strip = told["probabilities"]["values"][at]
        if row in ABSENT.get(epoch, ()):
            assert strip is None
        else:
            expected_strip = softmax(logits[row][told["probabilities"]["classes"]])
            assert strip == pytest.approx(expected_strip.tolist(), rel=1e-5)
    assert told["kept"] == [0.5, None, 0.5, 0.5]
    assert told["kept_epochs"] == list(EPOCHS)


def test_a_sample_without_a_label_has_no_right_or_wrong(served: Running) -> None:
    told = served.json("data/made/sample/7.json")
    assert told["label"] == -1
    assert told["p_true"] == told["loss"] == [None] * len(EPOCHS)


def test_neighbours_are_those_of_the_run_and_of_the_map(served: Running, run: Run) -> None:
    row, k = 3, 6
    told = served.json(f"data/made/neighbors/aligned/3.json?row={row}&k={k}")
    found = run.neighbors(int(run.samples.ids[row]), 3, k)
    assert told["representation"]["rows"] == run.rows(found.ids).tolist()
    assert told["representation"]["distances"] == pytest.approx(found.distances.tolist())
    points = run.positions(3).astype(np.float64)
    distances = np.hypot(*(points - points[row]).T)
    order = np.argsort(distances, kind="stable")[1 : k + 1]
    assert told["map"]["rows"] == order.tolist()
    assert told["map"]["distances"] == pytest.approx(distances[order].tolist())
    assert told["before"]["epoch"] == 1
    assert told["kept"] == [one for one in told["representation"]["rows"] if one in told["map"]["rows"]]


def test_an_absent_sample_has_no_neighbours(served: Running) -> None:
    told = served.json("data/made/neighbors/aligned/1.json?row=5")
    assert told["representation"]["rows"] == told["map"]["rows"] == []
    assert told["kept_share"] is None


def test_what_changed_is_told_with_its_place(served: Running) -> None:
    told = served.json("data/made/changed/3.json?row=4&map=aligned")
    assert told["previous"] == 1
    names = [one["name"] for one in told["rows"]]
    assert "divergence" in names
    assert any("conv" in name for name in names)
    assert all(one["percentile"] is None or 0 <= one["percentile"] <= 100 for one in told["rows"])
    assert served.json("data/made/changed/0.json?row=4")["rows"] == []


@pytest.mark.parametrize("how", ["rows", "mask"])
def test_a_set_adds_up(served: Running, run: Run, how: str) -> None:
    rows = np.arange(0, N, 2)
    body = {"rows": rows.tolist()} if how == "rows" else {"mask": mask_text(rows, N)}
    told = served.json("data/made/set/3.json", "POST", body)
    now, before = run.predictions(3), run.predictions(1)
    assert told["count"] == len(rows)
    assert sum(one["count"] for one in told["by_class"]) == len(rows)
    known = (now.predicted >= 0) & (run.samples.labels >= 0)
    assert told["accuracy"] == pytest.approx(now.correct[rows][known[rows]].mean())
    both = (before.predicted >= 0) & (now.predicted >= 0)
    cells = {(one["from"], one["to"]): one["count"] for one in told["transitions"]["matrix"]}
    assert sum(cells.values()) == both[rows].sum()
    for (a, b), count in cells.items():
        assert count == ((before.predicted == a) & (now.predicted == b))[rows].sum()
    assert told["transitions"]["from_epoch"] == 1
    labels, old, new = run.samples.labels[rows], before.predicted[rows], now.predicted[rows]
    seen = both[rows]
    judged = seen & (labels >= 0) & (old != new)
    assert told["transitions"]["counts"] == {
        "learned": (judged & (new == labels)).sum(),
        "forgotten": (judged & (old == labels)).sum(),
        "drift": (judged & (new != labels) & (old != labels)).sum(),
        "flipped": (seen & (old != new)).sum(),
        "unchanged": (seen & (old == new)).sum(),
    }
    words = [one["text"] for one in told["eventful"]]
    assert words
    assert not any("0 times" in text or " 1 times" in text for text in words)
    assert told["loss"]["mean"] == pytest.approx(np.nanmean(now.loss[rows].astype(float)), rel=1e-6)
    change = now.loss[rows] - before.loss[rows]
    assert told["loss"]["rises"][0]["change"] == pytest.approx(np.nanmax(change), rel=1e-5)
    assert told["loss"]["falls"][0]["change"] == pytest.approx(np.nanmin(change), rel=1e-5)
    assert told["curves"]["epochs"] == list(EPOCHS)
    assert told["curves"]["mean_loss"][2] == pytest.approx(told["loss"]["mean"], rel=1e-6)


def test_the_terms_of_a_set_name_what_it_counts(served: Running, run: Run) -> None:
    told = served.json("data/made/set/3.json", "POST", {"rows": list(range(N))})

    def count(text: str) -> int:
        return served.json("data/made/query", "POST", {"query": text, "epoch": 3})["count"]

    for name in ("learned", "forgotten", "drift", "flipped"):
        assert count(f"{name}:3") == told["transitions"]["counts"][name]
    assert count("-flipped:3 -pred@1:none -pred@3:none") == told["transitions"]["counts"]["unchanged"]
    classes = {one["class"]: one["count"] for one in told["by_class"]}
    assert count("label:none") == classes.get(-1, 0) == (run.samples.labels < 0).sum()
    for cell in told["transitions"]["matrix"]:
        names = CLASSES[cell["from"]], CLASSES[cell["to"]]
        assert count('pred@1:"{}" pred@3..3:"{}"'.format(*names)) == cell["count"]


@pytest.mark.parametrize("rows", [[], [7], list(range(N))])
def test_a_set_of_none_one_or_all_is_told(served: Running, rows: list[int]) -> None:
    for epoch in EPOCHS:
        assert served.json(f"data/made/set/{epoch}.json", "POST", {"rows": rows})["count"] == len(rows)


@pytest.mark.parametrize("split", ["", "train", "test"])
def test_confusion_counts_what_the_run_says(served: Running, run: Run, split: str) -> None:
    told = served.json(f"data/made/confusion/3.json?split={split}")
    said, labels = run.predictions(3).predicted, run.samples.labels
    mine = (said >= 0) & (labels >= 0)
    if split:
        mine &= run.samples.split == split
    expected = np.zeros((len(CLASSES), len(CLASSES)), int)
    np.add.at(expected, (labels[mine], said[mine]), 1)
    assert told["matrix"] == expected.tolist()
    assert told["accuracy"] == pytest.approx(np.trace(expected) / expected.sum())
    assert told["previous_epoch"] == 1
    assert len(told["previous"]) == len(CLASSES)


def test_units_add_up_to_the_logit(served: Running, run: Run) -> None:
    row, epoch = 3, 4
    told = served.json(f"data/made/neurons/{epoch}.json?row={row}&target=1&top=200")
    logits = run.logits(epoch)
    assert logits is not None
    assert told["logit"] == pytest.approx(logits[row, 1], rel=1e-3)
    assert sum(one["contribution"] for one in told["units"]) + told["bias"] == pytest.approx(told["logit"])
    x = run.representations(epoch).astype(np.float64)
    members = x[(run.samples.labels == 1) & np.isfinite(x).all(1)]
    for one in told["units"]:
        assert one["value"] == pytest.approx(x[row, one["unit"]])
        assert one["class_mean"] == pytest.approx(members[:, one["unit"]].mean())
    sizes = [abs(one["contribution"]) for one in told["units"]]
    assert sizes == sorted(sizes, reverse=True)


def test_recorded_channels_are_told_with_the_mean_of_the_class(served: Running, run: Run) -> None:
    told = served.json("data/made/neurons/4.json?row=3&layer=conv")
    found = run.activations(4, "conv")["conv"]
    for one in told["units"]:
        assert one["value"] == pytest.approx(float(found.means[3, one["unit"]]))
        assert one["maximum"] == pytest.approx(float(found.maxima[3, one["unit"]]))
    assert told["layers"] == ["conv"]
    assert "not recorded" in served.json("data/made/neurons/4.json?row=3&layer=none")["missing"]


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("sort", ["id", "loss", "brightness", "label", "source", "neighbors_kept", "correct"])
def test_the_table_is_sorted_and_paged(served: Running, run: Run, sort: str, descending: bool) -> None:
    body = {"epoch": 3, "map": "aligned", "sort": sort, "descending": descending, "limit": 25}
    pages = [served.json("data/made/table", "POST", {**body, "offset": offset}) for offset in (0, 25, 50)]
    rows = [line for page in pages for line in page["rows"]]
    assert [page["total"] for page in pages] == [N] * 3
    assert sorted(line["row"] for line in rows) == list(range(N))
    key = f"{sort}_index" if sort == "label" else sort
    if key in rows[0]:
        values = [line[key] for line in rows if line[key] not in (None, -1)]
        assert values == sorted(values, reverse=descending)
        unknown = [line[key] in (None, -1) for line in rows]
        assert unknown == sorted(unknown)


def test_the_table_takes_a_selection_and_columns(served: Running, run: Run) -> None:
    body = {"rows": [9, 4], "epoch": 3, "columns": ["id", "predicted", "source", "neighbors_kept"]}
    told = served.json("data/made/table", "POST", body)
    assert told["columns"] == body["columns"]
    assert [line["row"] for line in told["rows"]] == [9, 4]
    predicted = run.predictions(3).predicted[9]
    assert told["rows"][0]["predicted"] == CLASSES[predicted]
    assert told["rows"][0]["predicted_index"] == predicted


def test_a_selection_leaves_as_csv_and_parquet_with_the_same_numbers(served: Running, run: Run) -> None:
    body = {"mask": mask_text(np.array([2, 8, 30]), N), "epoch": 3, "map": "aligned"}
    text = served.fetch("export/made/selection.csv", "POST", body)
    assert "attachment" in text.headers["Content-Disposition"]
    lines = list(csv.DictReader(io.StringIO(text.body.decode())))
    table = pyarrow.parquet.read_table(
        io.BytesIO(served.fetch("export/made/selection.parquet", "POST", body).body)
    )
    ids = run.samples.ids[[2, 8, 30]]
    assert [int(line["id"]) for line in lines] == table.column("id").to_pylist() == ids.tolist()
    points = run.positions(3)[[2, 8, 30]]
    assert table.column("x").to_pylist() == pytest.approx(points[:, 0].tolist())
    assert [float(line["loss"]) for line in lines] == pytest.approx(
        run.predictions(3).loss[[2, 8, 30]].tolist()
    )
    assert {line["source"] for line in lines} <= {"web", "book", "<img>"}


def test_a_search_equals_the_same_from_python(served: Running, run: Run) -> None:
    from timetravel.analyze.query import select

    for text in (
        "wrong",
        "label:cat",
        "loss>0.5 split:test",
        "flipped:3",
        "label:\"a <b> & 'c'\"",
        "id:120,121",
    ):
        told = served.json("data/made/query", "POST", {"query": text, "epoch": 3, "map": "aligned"})
        expected = np.flatnonzero(select(run, text, epoch=3))
        assert told["count"] == len(expected)
        assert mask_rows(told["mask"], N).tolist() == expected.tolist()
        ids = run.sql(told["plain"]).column(0).to_pylist()
        assert ids == run.samples.ids[expected].tolist()


def test_a_wrong_search_says_where_and_what_was_meant(served: Running) -> None:
    told = served.json("data/made/query", "POST", {"query": "wrong labl:cat"}, status=400)["error"]
    assert told["position"] == 6
    assert told["suggestion"] == "wrong label:cat"


def test_a_search_is_completed_with_counts(served: Running) -> None:
    items = served.json("data/made/complete.json?text=label:&at=6")["items"]
    assert {one["label"] for one in items} == set(CLASSES)
    assert sum(one["count"] for one in items) == N - 1


def test_findings_name_samples_that_a_search_finds(served: Running) -> None:
    told = served.json("data/made/findings.json")
    assert told["findings"]
    for one in told["findings"]:
        assert len(one["spark"]) == len(EPOCHS)
        if one["selection"]:
            found = served.json("data/made/query", "POST", {"query": one["selection"], "epoch": one["epoch"]})
            assert found["count"] > 0
