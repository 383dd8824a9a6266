"""Look here first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from timetravel.analyze.findings import findings
from timetravel.analyze.query import select
from timetravel.store.facts import EpochFacts, EpochRecord, RunDescription, Samples
from timetravel.store.run import StoredRun
from timetravel.store.writer import FactsWriter


def ids(run: StoredRun, finding: Any) -> set[int]:
    return set(run.samples.ids[select(run, finding.selection, epoch=finding.epoch)].tolist())


def test_tiny_has_five_findings_whose_selections_hold_what_they_say(run_a: StoredRun) -> None:
    found = findings(run_a)
    assert found.missing is None
    by_kind = {one.kind: one for one in found.findings}
    assert list(by_kind) == ["flips", "class", "forgotten", "labels", "epochs"]
    flips = by_kind["flips"]
    assert (flips.epoch, flips.text) == (1, "3 of 8 predictions changed at epoch 1: 1 learned, 0 forgotten.")
    assert ids(run_a, flips) == {0, 2, 7}
    assert flips.spark == (None, 3, 3, 2, 2, 2)
    assert by_kind["class"].title == "A class that is not learned"
    assert ids(run_a, by_kind["class"]) == {6, 7}
    assert ids(run_a, by_kind["forgotten"]) == {1, 3, 4}
    assert ids(run_a, by_kind["labels"]) == {7}
    assert by_kind["epochs"].epoch == 1


def test_every_finding_of_a_rich_run_can_be_followed(rich: StoredRun) -> None:
    for one in findings(rich, "main").findings:
        assert one.epoch in rich.epochs
        assert len(one.spark) == len(rich.epochs)
        assert one.text.endswith(".")
        assert ids(rich, one), one.kind


def test_a_run_without_labels_says_what_it_lacks(unlabelled: StoredRun) -> None:
    found = findings(unlabelled)
    assert [one.kind for one in found.findings][:1] == ["flips"]
    assert {one.kind for one in found.findings} <= {"flips", "epochs"}
    assert found.missing is not None
    assert "no labels" in found.missing


def test_one_epoch_has_no_findings(tmp_path: Path) -> None:
    samples = Samples(ids=np.arange(3), labels=np.zeros(3, np.int32), split=np.array(["train"] * 3))
    with FactsWriter.open(
        tmp_path / "one", RunDescription(name="one", classes=("a", "b")), samples
    ) as writer:
        with StoredRun(tmp_path / "one") as run:
            assert findings(run).missing == "Nothing was recorded yet."
        writer.commit(
            EpochFacts(
                record=EpochRecord(epoch=0),
                sample_ids=samples.ids,
                representations=np.zeros((3, 2), np.float32),
                logits=np.zeros((3, 2), np.float32),
            )
        )
    with StoredRun(tmp_path / "one") as run:
        found = findings(run)
        assert found.findings == ()
        assert found.missing is not None
        assert "one epoch" in found.missing


def test_a_run_without_predictions_says_so(tmp_path: Path) -> None:
    samples = Samples(ids=np.arange(3), labels=np.zeros(3, np.int32), split=np.array(["train"] * 3))
    with FactsWriter.open(tmp_path / "bare", RunDescription(name="bare", classes=("a",)), samples) as writer:
        for epoch in range(2):
            writer.commit(
                EpochFacts(
                    record=EpochRecord(epoch=epoch),
                    sample_ids=samples.ids,
                    representations=np.full((3, 2), epoch, np.float32),
                )
            )
    with StoredRun(tmp_path / "bare") as run:
        found = findings(run)
        assert found.findings == ()
        assert found.missing is not None
        assert "logits" in found.missing


def small_run(path: Path, turned_at: int | None = None) -> Path:
    """Four samples that are right at each of four epochs, but for the first one at one of them."""
    samples = Samples(
        ids=np.arange(4), labels=np.array([0, 0, 1, 1], np.int32), split=np.array(["train"] * 4)
    )
    right = np.array([[2, 0], [2, 0], [0, 2], [0, 2]], np.float32)
    with FactsWriter.open(path, RunDescription(name=path.name, classes=("a", "b")), samples) as writer:
        for epoch in range(4):
            logits = right.copy()
            if epoch == turned_at:
                logits[0] = [0, 2]
            writer.commit(
                EpochFacts(
                    record=EpochRecord(epoch=epoch),
                    sample_ids=samples.ids,
                    representations=logits,
                    logits=logits,
                )
            )
    return path


def test_a_run_in_which_nothing_changes_has_nothing_to_say(tmp_path: Path) -> None:
    with StoredRun(small_run(tmp_path / "still")) as run:
        assert findings(run).findings == ()


def test_one_forgotten_sample_is_told_in_the_singular(tmp_path: Path) -> None:
    with StoredRun(small_run(tmp_path / "once", turned_at=2)) as run:
        texts = {one.kind: one.text for one in findings(run).findings}
    assert (
        texts["forgotten"] == "1 sample was learned and forgotten again once; 1 was forgotten at least once."
    )
