"""The event table (T1, V41)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from timetravel.analyze.events import KINDS, event_counts, event_table, events_at, in_words
from timetravel.store.run import StoredRun


def of_kind(run: StoredRun, kind: str, **settings: Any) -> dict[int, set[int]]:
    table = event_table(run, **settings).where(kind=kind)
    found: dict[int, set[int]] = {}
    for position, row in zip(table.position.tolist(), table.row.tolist(), strict=True):
        found.setdefault(run.epochs[position], set()).add(row)
    return found


def test_events_are_those_of_tiny(run_a: StoredRun) -> None:
    assert of_kind(run_a, "flip") == {1: {0, 2, 7}, 2: {2, 3, 4}, 3: {3, 6}, 4: {1, 4}, 5: {1, 4}}
    assert of_kind(run_a, "learned") == {1: {0}, 2: {2, 4}, 3: {3, 6}, 5: {1, 4}}
    assert of_kind(run_a, "forgotten") == {2: {3}, 4: {1, 4}}
    assert of_kind(run_a, "drift") == {1: {2, 7}}
    assert of_kind(run_a, "first_learned") == {0: {1, 3, 5}, 1: {0}, 2: {2, 4}, 3: {6}}
    assert of_kind(run_a, "final_learned") == {0: {5}, 1: {0}, 2: {2}, 3: {3, 6}, 5: {1, 4}}


def test_confidence_jumps_are_those_of_tiny(run_a: StoredRun) -> None:
    table = event_table(run_a, kinds=["confidence_jump"])
    found = list(zip(table.position.tolist(), table.row.tolist(), table.size.round(2).tolist(), strict=True))
    assert found == [(4, 1, -0.55), (5, 1, 0.6)]


def test_the_events_of_one_sample_are_those_of_the_whole_table(run_a: StoredRun) -> None:
    whole = event_table(run_a).where(row=4)
    own = event_table(run_a, rows=[4])
    for name in whole.__slots__:
        assert np.array_equal(getattr(whole, name), getattr(own, name), equal_nan=name == "size")
    assert in_words(own.where(kind="flip"), run_a.classes)[0] == "flipped, a → b"
    assert set(in_words(own, run_a.classes)) > {"right for the first time", "right from here on"}


def test_samples_that_move_far_stand_two_sd_above_the_mean(rich: StoredRun) -> None:
    from timetravel.analyze.motion import movements

    table = event_table(rich, kinds=["moved"])
    moved = movements(rich)
    for position in range(1, len(rich.epochs)):
        row = moved[position].astype(float)
        line = np.nanmean(row) + 2 * np.nanstd(row)
        assert set(table.where(position=position).row) == set(np.flatnonzero(row > line))


def test_lost_neighbours_are_those_who_kept_a_fifth_at_most(rich: StoredRun) -> None:
    from timetravel.analyze.motion import persistence

    table = event_table(rich, kinds=["neighbours_lost"])
    assert len(table) == int((persistence(rich) <= 0.2).sum())


def test_picks_labels_and_those_that_left_are_events(rich: StoredRun) -> None:
    table = event_table(rich)
    picked, labelled = table.where(kind="picked"), table.where(kind="labelled")
    assert set(picked.row.tolist()) == set(labelled.row.tolist())
    assert sorted(picked.where(position=1).size.tolist()) == [1, 2, 3, 4, 5]
    assert "picked in round 0, rank 1" in in_words(picked, rich.classes)
    assert len(table.where(kind="left")) == 0


def test_an_unknown_kind_is_refused(run_a: StoredRun) -> None:
    with pytest.raises(ValueError, match="nonsense"):
        event_table(run_a, kinds=["nonsense"])


def test_every_kind_has_words() -> None:
    from timetravel.analyze.events import _words

    for kind in KINDS:
        assert _words(kind, 0, 1, 0.5, ("a", "b"))


def test_counts_are_those_of_the_table(run_a: StoredRun, rich: StoredRun) -> None:
    for run in (run_a, rich):
        table, counts = event_table(run), event_counts(run)
        assert set(counts) == set(KINDS)
        for kind, values in counts.items():
            of_kind = table.where(kind=kind)
            assert values.tolist() == np.bincount(of_kind.position, minlength=len(run.epochs)).tolist()
    assert event_counts(run_a)["learned"].tolist() == [0, 1, 2, 2, 0, 2]
    assert event_counts(run_a, kinds=["forgotten"])["forgotten"].tolist() == [0, 0, 1, 0, 2, 0]


def test_what_takes_long_is_not_counted_unasked(rich: StoredRun, monkeypatch: pytest.MonkeyPatch) -> None:
    from timetravel.analyze import motion

    monkeypatch.setattr(motion, "CHEAP_VALUES", 0)
    monkeypatch.setattr(motion, "CHEAP_PRODUCTS", 0)
    assert {"moved", "neighbours_lost"}.isdisjoint(event_counts(rich))
    assert {"moved", "neighbours_lost"} <= set(event_counts(rich, thorough=True))
    assert {"moved", "neighbours_lost"}.isdisjoint(event_counts(rich, thorough=False))
    moved = event_table(rich, thorough=True).where(kind="moved", position=1)
    assert set(events_at(rich, rich.epochs[1], "moved").row) == set(moved.row)


def test_events_of_one_epoch_come_the_largest_first(run_a: StoredRun, rich: StoredRun) -> None:
    learned = events_at(run_a, 5, "learned")
    # p_true of sample 1 rises by .60 at epoch 5, of sample 4 by .30.
    assert learned.row.tolist() == [1, 4]
    jumps = events_at(run_a, 4, "confidence_jump")
    assert jumps.row.tolist() == [1]
    for kind, sign in (("moved", -1), ("neighbours_lost", 1), ("picked", 1)):
        for epoch in rich.epochs:
            sizes = events_at(rich, epoch, kind).size * sign
            assert (np.diff(sizes[np.isfinite(sizes)]) >= 0).all()
