"""Many small segments become few; nobody who reads notices."""

import threading

import numpy as np
import pytest

from timetravel.errors import RunCorrupt, RunLocked, RunNotFound
from timetravel.store import compaction, manifest
from timetravel.store.compaction import compact
from timetravel.store.run import open_run


@pytest.fixture
def often(monkeypatch):
    """Merging begins above three live segments."""
    monkeypatch.setattr(compaction, "MOST_LIVE", 3)
    monkeypatch.setattr(compaction, "MERGED_AT_ONCE", 2)


def live(run, kind="facts"):
    return [segment for segment in manifest.load(run / "facts")[0].segments if segment.kind == kind]


def answers(run):
    with open_run(run) as opened:
        return {
            "records": opened.records,
            "predictions": [opened.predictions(e).loss.tolist() for e in opened.epochs],
            "logits": [opened.logits(e).tolist() for e in opened.epochs],
            "statistics": [opened.statistics(e) for e in opened.epochs],
            "vectors": [opened.representations(e).tolist() for e in opened.epochs],
            "events": opened.events(),
            "sql": opened.sql("SELECT * EXCLUDE recorded_at FROM epochs ORDER BY position").to_pylist(),
        }


def test_closing_merges_the_oldest_segments_and_nothing_changes(small, tmp_path, often, monkeypatch):
    run = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(compaction, "MOST_LIVE", 100)
        small.run(run, [5, 3, 8, 1, 9, 2])
    before = answers(run)
    assert len(live(run)) == 6
    with small.open(run):
        pass
    assert len(live(run)) == 3
    assert [epoch for segment in live(run) for epoch in segment.epochs] == [5, 3, 8, 1, 9, 2]
    assert len(live(run, "vectors")) == 6
    assert answers(run) == before
    assert len(list((run / "facts").glob("*.duckdb"))) == 4  # three and the samples: the old ones are gone
    assert compact(run) == (3, 3)


def test_the_limits_are_those_of_a_long_run(small, tmp_path):
    run = tmp_path / "run"
    with small.open(run) as writer:
        for epoch in range(34):
            writer.commit(small.facts(epoch))
        assert len(live(run)) == 34
    assert len(live(run)) == 34 - 16 + 1
    with open_run(run) as opened:
        assert opened.epochs == list(range(34))
        np.testing.assert_array_equal(opened.predictions(3).predicted, small.facts(3).logits.argmax(axis=1))


def test_a_long_training_merges_without_waiting_for_its_end(small, tmp_path, often, monkeypatch):
    from timetravel.store import writer as writer_module

    monkeypatch.setattr(writer_module, "COMPACT_DURING_TRAINING", 5)
    run = tmp_path / "run"
    with small.open(run) as writer:
        for epoch in range(5):
            writer.commit(small.facts(epoch))
        assert len(live(run)) == 3
        writer.commit(small.facts(5))
    assert answers(run)["records"][5].epoch == 5


def test_a_reader_that_has_the_old_files_open_goes_on(small, tmp_path, often):
    run = tmp_path / "run"
    small.run(run, range(3))
    with open_run(run) as opened:
        first = opened.predictions(0).loss.copy()
        with small.open(run) as writer:
            writer.commit(small.facts(3))
            writer.commit(small.facts(4))
        assert len(live(run)) == 3
        assert opened.epochs == [0, 1, 2]
        np.testing.assert_array_equal(opened.logits(1), small.facts(1).logits)
        assert opened.sql("SELECT count(*) FROM predictions").column(0)[0].as_py() >= 60
        assert opened.refresh()
        assert opened.epochs == [0, 1, 2, 3, 4]
        np.testing.assert_array_equal(opened.predictions(0).loss, first)


def test_a_reader_that_comes_late_to_a_merged_file_reads_the_new_one(small, tmp_path, often):
    run = tmp_path / "run"
    small.run(run, range(3))
    opened = open_run(run)
    opened._database.close()  # nothing is attached: the old files will be gone when they are asked for
    with small.open(run) as writer:
        writer.commit(small.facts(3))
        writer.commit(small.facts(4))
    np.testing.assert_array_equal(opened.logits(0), small.facts(0).logits)
    opened.close()


def test_files_that_no_manifest_names_are_removed(small, run):
    orphan = run / "facts" / "000009-aaaaaaaaaaaa.duckdb"
    orphan.write_bytes(b"x")
    other = run / "facts" / "notes.txt"
    other.write_bytes(b"mine")
    assert compact(run) == (3, 3)
    assert not orphan.exists()
    assert other.exists()


def test_a_damaged_segment_is_not_merged(small, tmp_path, often):
    run = tmp_path / "run"
    small.run(run, range(3))
    path = run / "facts" / live(run)[0].file
    path.write_bytes(path.read_bytes()[:-10])
    with small.open(run) as writer:
        for epoch in (3, 4, 5):
            writer.commit(small.facts(epoch))
    assert path.exists()
    with open_run(run) as opened:
        assert list(opened.damaged) == [0]
        assert opened.epochs == [1, 2, 3, 4, 5]
        with pytest.raises(RunCorrupt, match=r"has \d+ bytes, \d+ were committed"):
            opened.predictions(0)


def test_a_folder_that_is_no_run_and_a_run_being_recorded_are_refused(small, run, tmp_path):
    with pytest.raises(RunNotFound, match="is no run"):
        compact(tmp_path)
    with small.open(run), pytest.raises(RunLocked):
        compact(run)


def test_readers_see_whole_epochs_while_a_recorder_writes_and_merges(small, tmp_path, often):
    run = tmp_path / "run"
    small.run(run, [0])
    stop, troubles, looks = threading.Event(), [], [0]

    def read() -> None:
        seen = 0
        while not stop.is_set():
            try:
                with open_run(run) as opened:
                    assert opened.damaged == {}
                    assert opened.epochs == list(range(len(opened.epochs)))
                    assert len(opened.epochs) >= seen
                    seen = len(opened.epochs)
                    last = opened.epochs[-1]
                    np.testing.assert_array_equal(opened.representations(last), small.representations(last))
                    np.testing.assert_array_equal(opened.logits(last), small.facts(last).logits)
                    looks[0] += 1
            except Exception as error:
                troubles.append(error)
                return

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    with small.open(run) as writer:
        for epoch in range(1, 12):
            writer.commit(small.facts(epoch))
            if epoch % 3 == 0:
                writer._compact()
    stop.set()
    for reader in readers:
        reader.join()
    assert troubles == []
    assert looks[0] >= 2
