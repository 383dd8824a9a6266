"""The order in which classes are learned, over HTTP, against the run and against plain loops."""

from pathlib import Path
from typing import Any

import numpy as np

from timetravel.run import open_run


def plain_f1(predicted: np.ndarray, labels: np.ndarray, one: int) -> float:
    hit = int(((predicted == one) & (labels == one)).sum())
    said, there = int((predicted == one).sum()), int((labels == one).sum())
    return 2 * hit / (said + there) if said + there else float("nan")


def test_the_curves_are_the_f1_of_each_class(served: Any, runs: dict[str, Path]) -> None:
    answer = served.json("data/made/classes.json")
    assert answer["missing"] is None
    with open_run(runs["made"]) as run:
        known = run.samples.labels >= 0
        for row in answer["classes"]:
            for at, epoch in enumerate(run.epochs):
                here = run.present(epoch) & known
                expected = plain_f1(
                    run.predictions(epoch).predicted[here], run.samples.labels[here], row["class"]
                )
                assert np.isclose(row["values"][at], expected)


def test_classes_stand_in_the_order_in_which_they_reach_the_threshold_and_stay(served: Any) -> None:
    answer = served.json("data/made/classes.json")
    epochs = [0, 1, 3, 4]
    places = []
    for row in answer["classes"]:
        reached = [value is not None and value >= answer["threshold"] for value in row["values"]]
        held = [at for at in range(4) if all(reached[at : at + answer["hold"]])]
        first = held[0] if held else None
        assert row["learned"] == (None if first is None else epochs[first])
        places.append(99 if first is None else first)
    assert places == sorted(places)


def test_two_runs_are_asked_how_alike_they_order_their_classes(served: Any) -> None:
    agreement = served.json("data/made/classes.json?other=other")["agreement"]
    assert 0 <= agreement["count"] <= 3
    assert agreement["tau"] is None or -1 <= agreement["tau"] <= 1
    assert served.json("data/made/classes.json")["agreement"] is None


def test_without_labels_there_is_a_sentence(served: Any) -> None:
    answer = served.json("data/bare/classes.json")
    assert answer["classes"] == []
    assert "labels" in answer["missing"]
