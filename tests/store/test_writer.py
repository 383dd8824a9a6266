"""What a recorder hands over comes back, and what cannot be taken is refused by name."""

import json

import numpy as np
import pytest

from timetravel.errors import BadInput, RunNotFound
from timetravel.store.facts import (
    Activations,
    EpochFacts,
    EpochRecord,
    Event,
    FilterChanges,
    Head,
    Labelling,
    Module,
    ParameterStatistics,
)
from timetravel.store.run import open_run
from timetravel.store.writer import FactsWriter


def kinds(run):
    return [(event.kind, event.epoch) for event in run.events()]


def test_every_fact_of_an_epoch_comes_back(small, tmp_path):
    rng = np.random.default_rng(0)
    n = small.count
    record = EpochRecord(
        epoch=4,
        step=77,
        recorded_at="2024-02-03T04:05:06+02:00",
        seconds=1.5,
        learning_rates=(0.1, 0.01),
        metrics={"train_loss": 0.5, "val_accuracy": 0.75, "my metric": 3.0, "lost": np.nan, "far": np.inf},
    )
    statistics = ParameterStatistics(
        layer="conv",
        parameter="weight",
        figures={"weight_mean": 0.25, "gradient_norm": None, "kurtosis": 2.0},
        weight_histogram=np.array([1, 2, 3]),
        weight_edges=np.array([0, 0.5, 1, 1.5], np.float32),
    )
    k = 4
    filters = FilterChanges(
        layer="conv",
        cosine=np.array([0, 0.5, np.nan, 1], np.float32),
        relative=np.ones(k, np.float32),
        norm=np.arange(k, dtype=np.float32),
        gradient=np.full(k, np.nan, np.float32),
    )
    activations = Activations(
        layer="conv",
        means=rng.normal(size=(n, k)).astype(np.float16),
        maxima=rng.normal(size=(n, k)).astype(np.float16),
    )
    labelling = Labelling(
        round=2,
        labelled=rng.random(n) < 0.5,
        picked=np.arange(n) < 2,
        rank=np.where(np.arange(n) < 2, np.arange(n) + 1, 0).astype(np.int32),
        strategy="entropy",
        scores={"entropy": rng.random(n).astype(np.float32), "margin": rng.random(n).astype(np.float32)},
    )
    checkpoint = {"conv.weight": rng.normal(size=(4, 1, 3, 3)).astype(np.float32), "step": np.array(7)}
    facts = small.facts(
        4,
        record=record,
        statistics=[statistics],
        filter_changes=[filters],
        activations=[activations],
        labelling=labelling,
        events=[Event(kind="learning_rate", value=0.01, detail="dropped")],
        checkpoint=checkpoint,
    )
    with small.open(tmp_path / "run") as writer:
        writer.commit(facts)
    with open_run(tmp_path / "run") as run:
        found = run.record(4)
        assert (found.step, found.seconds, found.learning_rates) == (77, 1.5, (0.1, 0.01))
        assert found.recorded_at == "2024-02-03T02:05:06"
        assert found.has_checkpoint
        np.testing.assert_equal(dict(found.metrics), dict(record.metrics))
        np.testing.assert_array_equal(run.representations(4), facts.representations)
        np.testing.assert_array_equal(run.logits(4), facts.logits)
        np.testing.assert_array_equal(run.head(4).weight, small.head.weight)
        np.testing.assert_array_equal(run.head(4).bias, small.head.bias)
        (row,) = run.statistics(4)
        assert (row.layer, row.parameter, row.figures["weight_mean"]) == ("conv", "weight", 0.25)
        assert row.figures["gradient_norm"] is None
        assert row.figures["kurtosis"] == 2.0
        np.testing.assert_array_equal(row.weight_histogram, [1, 2, 3])
        np.testing.assert_array_equal(row.weight_edges, statistics.weight_edges)
        assert row.gradient_histogram is None
        (change,) = run.filter_changes(4)
        for name in ("cosine", "relative", "norm", "gradient"):
            np.testing.assert_array_equal(getattr(change, name), getattr(filters, name))
        assert run.activation_layers == ["conv"]
        np.testing.assert_array_equal(run.activations(4)["conv"].means, activations.means)
        np.testing.assert_array_equal(run.activations(4, "conv")["conv"].maxima, activations.maxima)
        back = run.labelling(4)
        assert (back.round, back.strategy) == (2, "entropy")
        for name in ("labelled", "picked", "rank"):
            np.testing.assert_array_equal(getattr(back, name), getattr(labelling, name))
        assert list(back.scores) == ["entropy", "margin"]
        np.testing.assert_array_equal(back.scores["margin"], labelling.scores["margin"])
        assert kinds(run) == [("learning_rate", 4)]
        weights = run.checkpoint(4)
        assert weights["step"].shape == ()
        np.testing.assert_array_equal(weights["conv.weight"], checkpoint["conv.weight"])


def test_the_description_comes_back(small, tmp_path):
    description = small.description(
        name="<b>ʀᴜɴ</b>\n../x",
        model="LeNet",
        factory="my:make",
        factory_arguments={"width": 3},
        hyperparameters={"lr": 0.1, "betas": (0.9, 0.99), "bad": float("nan"), "np": np.float32(2)},
        layer="fc1",
        data_set="digits",
        environment={"torch": "2.6"},
        modules=[
            Module(
                name="conv", kind="Conv2d", depth=1, channels=4, parameter_count=36, output_shape=(4, 8, 8)
            ),
            Module(name="fc", kind="Linear", depth=1, settings={"bias": True}, is_representation=True),
        ],
    )
    with FactsWriter.open(tmp_path / "run", description, small.samples()):
        pass
    with open_run(tmp_path / "run") as run:
        found = run.description
        assert run.name == description.name
        assert found.hyperparameters == {"lr": 0.1, "betas": [0.9, 0.99], "bad": None, "np": 2.0}
        for name in ("classes", "model", "factory", "factory_arguments", "layer", "data_set", "environment"):
            assert getattr(found, name) == getattr(description, name)
        assert list(found.modules) == list(description.modules)


def test_samples_and_their_metadata_come_back(small, tmp_path):
    n = small.count
    ids = np.array([2**63 - 1, -5, *range(n - 2)], np.int64)
    samples = small.samples(
        ids=ids,
        labels=np.where(np.arange(n) % 4 == 0, -1, np.arange(n) % 3).astype(np.int32),
        true_labels=np.full(n, 2, np.int32),
        attributes={
            "brightness": np.linspace(0, 1, n),
            "writer": np.array(["α", None] * (n // 2), object),
            "flag": np.arange(n) % 2 == 0,
        },
    )
    with FactsWriter.open(tmp_path / "run", small.description(), samples):
        pass
    with open_run(tmp_path / "run") as run:
        np.testing.assert_array_equal(run.samples.ids, ids)
        np.testing.assert_array_equal(run.samples.labels, samples.labels)
        np.testing.assert_array_equal(run.samples.true_labels, samples.true_labels)
        np.testing.assert_array_equal(run.samples.split, samples.split)
        np.testing.assert_array_equal(run.samples.attributes["brightness"], samples.attributes["brightness"])
        np.testing.assert_array_equal(run.samples.attributes["writer"], samples.attributes["writer"])
        np.testing.assert_array_equal(
            run.samples.attributes["flag"], samples.attributes["flag"].astype(float)
        )
        np.testing.assert_array_equal(run.rows(ids[::-1]), np.arange(n)[::-1])
        with pytest.raises(RunNotFound, match="there is no sample 77777"):
            run.rows([77777])


def test_an_empty_run_opens(small, tmp_path):
    with small.open(tmp_path / "run"):
        pass
    with open_run(tmp_path / "run") as run:
        assert run.epochs == []
        assert run.events() == []
        assert run.maps == []
        assert run.sql("SELECT count(*) AS n FROM predictions").column("n")[0].as_py() == 0
        with pytest.raises(RunNotFound, match="nothing was recorded yet"):
            run.predictions(0)


def test_an_epoch_recorded_twice_is_refused_naming_the_next_free_one(small, run):
    with small.open(run) as writer:
        with pytest.raises(BadInput, match=r"epoch 1 was recorded already at .*next free one is 3"):
            writer.commit(small.facts(1))
        assert writer.committed_epochs == [0, 1, 2]


def test_an_earlier_epoch_is_accepted_in_the_order_of_recording(small, tmp_path):
    small.run(tmp_path / "run", [9, 7, -3, 2**31 - 1])
    with open_run(tmp_path / "run") as run:
        assert run.epochs == [9, 7, -3, 2**31 - 1]
        assert [record.position for record in run.records] == [0, 1, 2, 3]
        assert kinds(run) == [("out_of_order", 7), ("out_of_order", -3)]
    with small.open(tmp_path / "run") as writer, pytest.raises(BadInput, match="does not fit 32 bits"):
        writer.commit(small.facts(2**31))


def test_absent_samples_are_nan_and_come_back_by_id(small, tmp_path):
    ids = small.samples().ids
    some = ids[::3][::-1]  # fewer, and in another order
    x = small.representations(0)[::3][::-1]
    labelling = Labelling(
        round=0,
        labelled=np.ones(len(some), bool),
        picked=np.zeros(len(some), bool),
        rank=np.zeros(len(some), np.int32),
        scores={"s": np.arange(len(some), dtype=np.float32)},
    )
    facts = small.facts(
        0,
        sample_ids=some,
        representations=x,
        logits=small.head.logits(x).astype(np.float32),
        labelling=labelling,
        activations=[Activations(layer="l", means=x, maxima=x)],
    )
    with small.open(tmp_path / "run") as writer:
        writer.commit(facts)
        writer.commit(small.facts(1))
    with open_run(tmp_path / "run") as run:
        present = run.present(0)
        np.testing.assert_array_equal(np.flatnonzero(present), np.arange(0, len(ids), 3))
        found = run.representations(0)
        np.testing.assert_array_equal(found[present], small.representations(0)[::3])
        assert np.isnan(found[~present]).all()
        assert np.isnan(run.logits(0)[~present]).all()
        told = run.predictions(0)
        assert (told.predicted[~present] == -1).all()
        assert np.isnan(told.loss[~present]).all()
        np.testing.assert_array_equal(told.present, present)
        back = run.labelling(0)
        np.testing.assert_array_equal(back.labelled, present)
        np.testing.assert_array_equal(back.scores["s"][present], np.arange(len(some))[::-1])
        np.testing.assert_array_equal(run.activations(0)["l"].means[present], small.representations(0)[::3])
        assert run.present(1).all()
        rows, distances = run.all_neighbors(0, 3)
        assert (rows[~present] == -1).all()
        assert np.isnan(distances[~present]).all()
        assert present[rows[present]].all()


def test_absent_samples_are_known_without_predictions(small, tmp_path):
    facts = EpochFacts(
        record=EpochRecord(epoch=0),
        sample_ids=small.samples().ids[:4],
        representations=small.representations(0)[:4],
    )
    with small.open(tmp_path / "run") as writer:
        writer.commit(facts)
    with open_run(tmp_path / "run") as run:
        assert run.present(0).sum() == 4
        assert run.logits(0) is None
        assert (run.predictions(0).predicted == -1).all()


def test_duplicate_ids_are_refused_with_the_first_ten(small, tmp_path):
    ids = np.repeat(np.arange(15), 2)
    with pytest.raises(BadInput, match="more than once: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9;"):
        FactsWriter.open(tmp_path / "run", small.description(), small.samples(ids=ids))
    assert not (tmp_path / "run").exists()
    x = small.representations(0)[:3]
    twice = small.facts(0, sample_ids=np.array([100, 101, 101]), representations=x, logits=None)
    with small.open(tmp_path / "other") as writer, pytest.raises(BadInput, match="more than once: 101;"):
        writer.commit(twice)


def test_labels_outside_the_classes_are_refused(small, tmp_path):
    labels = small.samples().labels.copy()
    labels[3] = 3
    with pytest.raises(BadInput, match="labels hold 3; expected 0 to 2"):
        FactsWriter.open(tmp_path / "run", small.description(), small.samples(labels=labels))


def test_unlabelled_samples_have_no_loss_and_are_not_wrong(small, tmp_path):
    samples = small.samples(labels=np.full(small.count, -1, np.int32))
    with FactsWriter.open(tmp_path / "run", small.description(), samples) as writer:
        writer.commit(small.facts(0))
    with open_run(tmp_path / "run") as run:
        found = run.predictions(0)
        assert (found.predicted >= 0).all()
        assert np.isnan(found.loss).all()
        assert np.isnan(found.p_true).all()
        assert not found.correct.any()
        row = run.sql(
            "SELECT count(label) l, count(correct) c, count(loss) o FROM samples JOIN predictions USING (sample_id)"
        )
        assert row.to_pylist() == [{"l": 0, "c": 0, "o": 0}]


def test_values_that_are_not_finite_are_kept_and_counted(small, tmp_path):
    x = small.representations(0).astype(np.float32)
    x[0, 0], x[1, 1], x[2, 2] = np.nan, np.inf, -np.inf
    logits = small.facts(0).logits.copy()
    logits[3, 1], logits[4, 0] = np.nan, np.inf
    with small.open(tmp_path / "run") as writer:
        writer.commit(small.facts(0, representations=x, logits=logits))
        bad = np.where(np.arange(small.count)[:, None] < 20, np.nan, small.representations(1)).astype(
            np.float16
        )
        writer.commit(small.facts(1, representations=bad))
    with open_run(tmp_path / "run") as run:
        np.testing.assert_array_equal(run.representations(0), x.astype(np.float16))
        assert [record.nonfinite_count for record in run.records] == [3, 20]
        assert kinds(run) == [("nonfinite", 0), ("nonfinite", 1), ("diverged", 1)]
        found = run.predictions(0)
        assert (found.predicted[[3, 4]] == -1).all()
        assert not found.correct[[3, 4]].any()
        assert np.isnan(found.margin[[3, 4]]).all()
        assert (found.predicted[:3] >= 0).all()
        nulls = run.sql("SELECT count(*) AS n FROM predictions WHERE epoch = 0 AND predicted IS NULL")
        assert nulls.column("n")[0].as_py() == 2
        rows, _ = run.all_neighbors(0, 5)
        assert (rows[:3] == -1).all()
        assert not np.isin(rows[3:], [0, 1, 2]).any()
        assert len(run.neighbors(100, 0, 5).ids) == 0


@pytest.mark.parametrize(
    ("scale", "stored"),
    [
        (1.0, np.float16),
        (65504.0, np.float16),
        (70000.0, np.float32),
        (1e30, np.float32),
        (1e-30, np.float32),
    ],
)
def test_half_precision_is_used_only_where_it_reaches(small, tmp_path, scale, stored):
    x = np.linspace(-1, 1, small.count * small.width).reshape(small.count, -1)
    x = (x * scale).astype(np.float32)
    with small.open(tmp_path / "run") as writer:
        writer.commit(small.facts(0, representations=x))
    with open_run(tmp_path / "run") as run:
        found = run.representations(0)
        assert found.dtype == stored
        np.testing.assert_array_equal(found, x.astype(stored))
        shown = run.sql("SELECT vector FROM representations ORDER BY sample_id").column(0).to_pylist()
        np.testing.assert_array_equal(np.array(shown, np.float32), x.astype(stored).astype(np.float32))


def test_without_logits_predictions_follow_from_the_head(small, tmp_path):
    with small.open(tmp_path / "run") as writer:
        writer.commit(small.facts(0, logits=None))
    with open_run(tmp_path / "run") as run:
        expected = small.head.logits(small.representations(0))
        np.testing.assert_array_equal(run.predictions(0).predicted, expected.argmax(axis=1))
        np.testing.assert_allclose(run.logits(0), expected, rtol=1e-6)


def test_losses_of_the_caller_count(small, tmp_path):
    losses = np.linspace(0, 1, small.count).astype(np.float32)
    losses[3] = np.nan
    with small.open(tmp_path / "run") as writer:
        writer.commit(small.facts(0, losses=losses))
        writer.commit(small.facts(1, losses=losses, logits=None, head=None))
    with open_run(tmp_path / "run") as run:
        for epoch in (0, 1):
            np.testing.assert_array_equal(run.predictions(epoch).loss, losses)
        assert (run.predictions(1).predicted == -1).all()


def test_a_width_that_changes_is_accepted(small, tmp_path):
    wide = np.ones((small.count, 11), np.float16)
    with small.open(tmp_path / "run") as writer:
        writer.commit(small.facts(0))
        writer.commit(small.facts(1, representations=wide, head=None))
    with open_run(tmp_path / "run") as run:
        assert [record.width for record in run.records] == [6, 11]
        assert run.representations(0).shape == (30, 6)
        np.testing.assert_array_equal(run.representations(1), wide)
        lengths = run.sql(
            "SELECT epoch, max(len(vector)) n FROM representations GROUP BY epoch ORDER BY epoch"
        )
        assert lengths.column("n").to_pylist() == [6, 11]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"representations": np.ones((29, 6), np.float16)}, r"representations have shape \(29, 6\)"),
        ({"representations": np.ones((30, 6), np.int32)}, "type int32; expected"),
        ({"representations": np.ones(30, np.float16)}, r"shape \(30,\)"),
        ({"logits": np.ones((30, 4), np.float32)}, "4 columns, the run has 3 classes"),
        ({"logits": np.ones((3, 30), np.float32)}, r"logits have shape \(3, 30\)"),
        ({"losses": np.ones(29, np.float32)}, r"losses has shape \(29,\)"),
        ({"sample_ids": np.arange(30)}, "samples 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 are not in the run"),
        (
            {"head": Head(weight=np.ones((3, 5), np.float32), bias=np.ones(3, np.float32))},
            r"head has weights \(3, 5\)",
        ),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_written(small, run, change, message):
    before = {
        path: path.stat().st_mtime_ns for path in run.rglob("*") if path.is_file() and path.name != "lock"
    }
    with small.open(run) as writer, pytest.raises(BadInput, match=message):
        writer.commit(small.facts(9, **change))
    after = {
        path: path.stat().st_mtime_ns for path in run.rglob("*") if path.is_file() and path.name != "lock"
    }
    assert before == after
    with small.open(run) as writer:
        writer.commit(small.facts(9))
    with open_run(run) as opened:
        assert opened.epochs == [0, 1, 2, 9]


def test_a_resumed_run_goes_on_and_says_so(small, run):
    with small.open(run) as writer:
        assert writer.committed_epochs == [0, 1, 2]
        assert writer.last.epoch == 2
        writer.commit(small.facts(3))
    with open_run(run) as opened:
        assert opened.epochs == [0, 1, 2, 3]
        assert kinds(opened) == [("resumed", 3)]
        assert opened.records[3].position == 3


def test_classes_may_grow_but_not_change(small, run):
    for classes in (("a", "c", "b"), ("a", "b"), ("x", "b", "c")):
        with pytest.raises(BadInput, match="the run has the classes 'a', 'b', 'c'"):
            small.open(run, classes=classes)
    with small.open(run, classes=("a", "b", "c", "d")) as writer:
        wide = Head(weight=np.ones((4, 6), np.float32), bias=np.zeros(4, np.float32))
        writer.commit(small.facts(3, logits=None, head=wide))
    with open_run(run) as opened:
        assert opened.classes == ("a", "b", "c", "d")
        assert opened.logits(2).shape == (30, 3)
        assert opened.logits(3).shape == (30, 4)
    with pytest.raises(BadInput, match="'a' is there twice"):
        small.open(run.parent / "other", classes=("a", "a"))


def test_new_samples_join_and_earlier_epochs_do_not_have_them(small, run):
    more = small.samples(40)
    with FactsWriter.open(run, small.description(), more) as writer:
        x = np.ones((40, 6), np.float16)
        writer.commit(small.facts(3, sample_ids=more.ids, representations=x, logits=None))
    with open_run(run) as opened:
        np.testing.assert_array_equal(opened.samples.ids, more.ids)
        assert opened.present(0).sum() == 30
        assert opened.present(3).all()
        assert np.isnan(opened.representations(0)[30:]).all()
        assert opened.predictions(0).predicted.shape == (40,)


def test_samples_can_be_added_while_recording(small, tmp_path):
    with small.open(tmp_path / "run") as writer:
        writer.commit(small.facts(0))
        writer.add_samples(small.samples(5, ids=np.arange(5)))
        ids = np.concatenate([small.samples().ids, np.arange(5)])
        writer.commit(
            small.facts(1, sample_ids=ids, representations=np.ones((35, 6), np.float16), logits=None)
        )
    with open_run(tmp_path / "run") as run:
        assert len(run.samples) == 35
        np.testing.assert_array_equal(run.samples.ids[30:], np.arange(5))


def test_a_changed_label_is_an_event_and_the_first_one_stays(small, run):
    labels = small.samples().labels.copy()
    labels[4] = 2
    with FactsWriter.open(run, small.description(), small.samples(labels=labels)) as writer:
        writer.commit(small.facts(3))
    with open_run(run) as opened:
        assert opened.samples.labels[4] == 1
        (event,) = [event for event in opened.events() if event.kind == "relabelled"]
        assert (event.epoch, event.sample_id, event.value) == (3, 104, 2.0)
        assert json.loads(event.detail) == {"old": 1, "new": 2}


def test_a_later_description_counts(small, run):
    with small.open(run, factory="module:make") as writer:
        writer.commit(small.facts(3))
    with open_run(run) as opened:
        assert opened.description.factory == "module:make"
        assert opened.sql("SELECT count(*) AS n FROM run").column("n")[0].as_py() == 2


def test_names_with_a_nul_are_refused(small, tmp_path):
    with pytest.raises(BadInput, match="NUL"):
        small.open(tmp_path / "run", name="a\0b")


def test_one_sample_and_one_class_are_enough(small, tmp_path):
    with FactsWriter.open(tmp_path / "run", small.description(classes=("only",)), small.samples(1)) as writer:
        facts = EpochFacts(
            record=EpochRecord(epoch=0),
            sample_ids=np.array([100]),
            representations=np.ones((1, 1), np.float16),
            logits=np.ones((1, 1), np.float32),
        )
        writer.commit(facts)
    with open_run(tmp_path / "run") as run:
        found = run.predictions(0)
        assert found.correct.all()
        assert np.isnan(found.margin).all()
        rows, distances = run.all_neighbors(0)
        assert rows.shape == (1, 15)
        assert (rows == -1).all()
        assert np.isnan(distances).all()


def test_no_samples_are_refused(small, tmp_path):
    with pytest.raises(BadInput, match="there are no samples"):
        FactsWriter.open(tmp_path / "run", small.description(), small.samples(0))


def test_layers_that_were_not_described_are_known_by_name(small, tmp_path):
    row = ParameterStatistics(layer="late", parameter="weight", figures={"weight_mean": 1.0})
    with small.open(tmp_path / "run", modules=[Module(name="conv", kind="Conv2d", depth=1)]) as writer:
        writer.commit(small.facts(0))
        writer.commit(small.facts(1, statistics=[row]))
        writer.commit(small.facts(2, statistics=[row]))
    with open_run(tmp_path / "run") as run:
        assert [one.layer for one in run.statistics(2)] == ["late"]
        assert [module.name for module in run.description.modules] == ["conv"]
        layers = run.sql("SELECT layer FROM layer_stats").column("layer").to_pylist()
        assert layers == ["late", "late"]
