"""Two runs on the same samples."""

from pathlib import Path

import numpy as np
import pytest
from made_runs import EPOCHS, N, Running

from timetravel.run import Run, open_run
from timetravel.server.encode import mask_rows


@pytest.fixture(scope="module")
def pair(runs: dict[str, Path]) -> tuple[Run, Run]:
    return open_run(runs["made"]), open_run(runs["other"])


CELLS = ("both", "only_a", "only_b", "neither")


def test_the_cells_are_those_of_the_predictions(served: Running, pair: tuple[Run, Run]) -> None:
    told = served.json("compare/made/other/agreement.json")
    a, b = pair
    assert [(stop["a"], stop["b"]) for stop in told["stops"]] == [(epoch, epoch) for epoch in EPOCHS]
    for at, epoch in enumerate(EPOCHS):
        x, y = a.predictions(epoch), b.predictions(epoch)
        judged = (a.samples.labels >= 0) & (x.predicted >= 0) & (y.predicted >= 0)
        expected = {
            "both": x.correct & y.correct,
            "only_a": x.correct & ~y.correct,
            "only_b": ~x.correct & y.correct,
            "neither": ~x.correct & ~y.correct,
        }
        for cell in CELLS:
            rows = np.flatnonzero(expected[cell] & judged)
            assert told[cell][at] == len(rows)
            body = {"epoch_a": epoch, "epoch_b": epoch, "cell": cell}
            masks = served.json("compare/made/other/cell", "POST", body)
            assert mask_rows(masks["rows_a"], N).tolist() == rows.tolist()
            assert mask_rows(masks["rows_b"], N).tolist() == rows.tolist()
        assert sum(told[cell][at] for cell in CELLS) == judged.sum()
        assert (
            told["same_prediction"][at]
            == (x.predicted == y.predicted)[(x.predicted >= 0) & (y.predicted >= 0)].sum()
        )
    assert told["shared"] == N
    assert told["missing"] is None


def test_epochs_of_b_may_be_set_apart(served: Running, pair: tuple[Run, Run]) -> None:
    a, b = pair
    told = served.json("compare/made/other/agreement.json?join=2")
    stops = [(stop["epoch"], stop["a"], stop["b"]) for stop in told["stops"]]
    wanted = sorted({*EPOCHS, *(epoch - 2 for epoch in EPOCHS)})
    assert stops == [
        (one, max((e for e in EPOCHS if e <= one), default=EPOCHS[0]), max(e for e in EPOCHS if e <= one + 2))
        for one in wanted
    ]
    for at, (_, of_a, of_b) in enumerate(stops):
        x, y = a.predictions(of_a), b.predictions(of_b)
        judged = (a.samples.labels >= 0) & (x.predicted >= 0) & (y.predicted >= 0)
        assert told["only_b"][at] == (~x.correct & y.correct & judged).sum()
    assert (
        served.json("compare/made/other/agreement.json?join=0")["stops"]
        == (served.json("compare/made/other/agreement.json")["stops"])
    )
    for wrong in ("later", "1.5", "12345678"):
        served.json(f"compare/made/other/agreement.json?join={wrong}", status=400)


def test_a_run_agrees_with_itself(served: Running) -> None:
    told = served.json("compare/made/made/agreement.json")
    assert not any(told["only_a"] + told["only_b"])
    assert told["kappa"] == [1.0] * len(EPOCHS)
    assert served.json("compare/made/made/disagreements.json?epoch_a=3&epoch_b=3")["rows"] == []


def test_disagreements_are_where_predictions_differ(served: Running, pair: tuple[Run, Run]) -> None:
    a, b = pair
    told = served.json("compare/made/other/disagreements.json?epoch_a=3&epoch_b=3&limit=500")
    differ = np.flatnonzero(a.predictions(3).predicted != b.predictions(3).predicted)
    assert sorted(one["row_a"] for one in told["rows"]) == differ.tolist()
    assert told["count"] == len(differ)
    for one in told["rows"]:
        assert one["id"] == a.samples.ids[one["row_a"]] == b.samples.ids[one["row_b"]]
        assert one["predicted_a"] == a.predictions(3).predicted[one["row_a"]]
        assert one["predicted_b"] == b.predictions(3).predicted[one["row_b"]]
    # Three orders: by default that of p_true, since the samples have labels.
    by_p_true = told["rows"]
    for query in ("", "&by=p_true", "&by=divergence"):
        address = f"compare/made/other/disagreements.json?epoch_a=3&epoch_b=3&limit=500{query}"
        rows = served.json(address)["rows"]
        sizes = [one["size"] for one in rows if one["size"] is not None]
        assert sizes
        assert sizes == sorted(sizes, reverse=True)
        assert (rows == by_p_true) == ("divergence" not in query)
        assert sorted(one["row_a"] for one in rows) == differ.tolist()
    for one in by_p_true:
        gap = abs((one["p_true_a"] or 0) - (one["p_true_b"] or 0))
        assert one["size"] is None or one["size"] == pytest.approx(gap, abs=1e-6)
    served.json("compare/made/other/disagreements.json?epoch_a=3&epoch_b=3&by=size", status=400)


def test_what_a_says_and_what_b_says_selects(served: Running, pair: tuple[Run, Run]) -> None:
    told = served.json("compare/made/other/disagreements.json?epoch_a=3&epoch_b=4")
    said_a, said_b = pair[0].predictions(3).predicted, pair[1].predictions(4).predicted
    known = (said_a >= 0) & (said_b >= 0)
    assert sum(count for _, _, count in told["pairs"]) == known.sum()
    for a, b, count in told["pairs"]:
        body = {"epoch_a": 3, "epoch_b": 4, "says": [a, b]}
        masks = served.json("compare/made/other/cell", "POST", body)
        rows = np.flatnonzero(known & (said_a == a) & (said_b == b))
        assert mask_rows(masks["rows_a"], N).tolist() == rows.tolist()
        assert masks["count"] == count


def test_rows_are_joined_by_id(served: Running, pair: tuple[Run, Run]) -> None:
    told = served.json("compare/made/other/join.json")
    a, b = pair
    assert np.array_equal(a.samples.ids[told["rows_a"]], b.samples.ids[told["rows_b"]])
    binary = np.frombuffer(served.fetch("compare/made/other/join.bin").body, "<i4").reshape(-1, 2)
    assert binary.T.tolist() == [told["rows_a"], told["rows_b"]]


def test_columns_tell_samples_apart_by_both_runs(served: Running, pair: tuple[Run, Run]) -> None:
    a, b = pair
    joined = served.json("compare/made/other/join.json")
    x, y = a.predictions(3), b.predictions(4)
    for side, rows in (("a", joined["rows_a"]), ("b", joined["rows_b"])):
        path = f"compare/made/other/column/{{}}/{side}/3/4.bin"
        cells = np.frombuffer(served.fetch(path.format("agreement")).body, "u1")
        for code, cell in enumerate(CELLS):
            masks = served.json("compare/made/other/cell", "POST", {"epoch_a": 3, "epoch_b": 4, "cell": cell})
            assert np.flatnonzero(cells == code).tolist() == mask_rows(masks[f"rows_{side}"], N).tolist()
        differences = np.frombuffer(served.fetch(path.format("difference")).body, "<f4")[rows]
        expected = x.p_true[joined["rows_a"]] - y.p_true[joined["rows_b"]]
        assert np.array_equal(differences, expected, equal_nan=True)
    served.json("compare/made/other/column/agreement/a/3/999.bin", status=404)


def test_samples_further_apart_than_a_number_are_selected(served: Running, pair: tuple[Run, Run]) -> None:
    a, b = pair
    joined = served.json("compare/made/other/join.json")
    gap = np.abs(
        a.predictions(3).p_true[joined["rows_a"]].astype(float) - b.predictions(4).p_true[joined["rows_b"]]
    )
    for limit in (0.0, 0.2, 1.0):
        body = {"epoch_a": 3, "epoch_b": 4, "apart": limit, "by": "p_true"}
        found = served.json("compare/made/other/cell", "POST", body)
        expected = np.sort(np.asarray(joined["rows_a"])[gap > limit])
        assert found["count"] == len(expected)
        assert mask_rows(found["rows_a"], N).tolist() == expected.tolist()
    body = {"epoch_a": 3, "epoch_b": 4, "apart": 0.2, "by": "size"}
    served.json("compare/made/other/cell", "POST", body, status=400)


def test_a_run_without_predictions_says_so(served: Running) -> None:
    assert "neither logits nor a head" in served.json("compare/made/bare/agreement.json")["missing"]
