"""TINY as arrays and as opened runs, and a larger run with everything that analyses read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from timetravel.store.facts import (
    Activations,
    EpochFacts,
    EpochRecord,
    Head,
    Labelling,
    MapDescription,
    MapEpoch,
    RunDescription,
    Samples,
)
from timetravel.store.maps import MapWriter
from timetravel.store.run import StoredRun
from timetravel.store.writer import FactsWriter


class Tiny:
    """One model of TINY as arrays: predicted (6, 8), labels (8,), correct, known, probabilities (6, 8, 3)."""

    def __init__(self, module: ModuleType, model: str) -> None:
        self.labels = module.LABELS
        self.predicted = np.stack([module.predicted(model, epoch) for epoch in range(6)])
        self.probabilities = np.stack([module.probabilities(model, epoch) for epoch in range(6)])
        self.logits = np.log(self.probabilities)
        self.p_true = np.stack([module.p_true(model, epoch) for epoch in range(6)])
        self.loss = -np.log(self.p_true)
        self.known = np.ones((6, 8), np.bool_)
        self.correct = self.predicted == self.labels


@pytest.fixture(scope="session")
def a(tiny_module: ModuleType) -> Tiny:
    """Model A of TINY."""
    return Tiny(tiny_module, "A")


@pytest.fixture(scope="session")
def b(tiny_module: ModuleType) -> Tiny:
    """Model B of TINY."""
    return Tiny(tiny_module, "B")


@pytest.fixture(scope="session")
def run_a(tiny: Path) -> Iterator[StoredRun]:
    """Model A of TINY as a run."""
    with StoredRun(tiny / "A") as run:
        yield run


@pytest.fixture(scope="session")
def run_b(tiny: Path) -> Iterator[StoredRun]:
    """Model B of TINY as a run."""
    with StoredRun(tiny / "B") as run:
        yield run


EPOCHS = (1, 2, 4, 8, 5)
"""Of `rich`: with gaps, and the last one recorded out of order."""


def rich_facts(count: int = 60, classes: int = 4, seed: int = 3) -> tuple[Samples, list[EpochFacts]]:
    """Samples that come and go, lack labels, have changed labels and metadata; labelling rounds, NaN logits."""
    generator = np.random.default_rng(seed)
    ids = generator.permutation(np.arange(100, 100 + 3 * count, 3))
    true = generator.integers(0, classes, count).astype(np.int32)
    labels = true.copy()
    labels[:6] = (labels[:6] + 1) % classes
    labels[6:9] = -1
    colours = np.array(["red", "Dark Blue", None], object)
    samples = Samples(
        ids=ids.astype(np.int64),
        labels=labels,
        split=np.where(np.arange(count) % 3 == 0, "test", "train"),
        true_labels=np.where(labels < 0, -1, true).astype(np.int32),
        attributes={
            "colour": colours[generator.integers(0, 3, count)],
            "weight": np.where(generator.random(count) < 0.2, np.nan, generator.normal(size=count)),
        },
    )
    centres = generator.normal(size=(classes, 5)) * 2
    noise = generator.normal(size=(count, 5))
    weight = centres.astype(np.float32)
    labelled = np.zeros(count, np.bool_)
    labelled[:20] = True
    facts = []
    for at, epoch in enumerate(EPOCHS):
        present = np.sort(generator.permutation(count)[: count - 4]) if at in (1, 3) else np.arange(count)
        strength = (at + 1) / len(EPOCHS)
        x = strength * centres[true] + noise + 0.7 * generator.normal(size=(count, 5))
        z = (x @ centres.T).astype(np.float32)
        if at == 2:
            z[11] = np.nan
        picked = np.zeros(count, np.bool_)
        rank = np.zeros(count, np.int32)
        if at % 2:
            chosen = np.flatnonzero(~labelled)[:5]
            picked[chosen], rank[chosen] = True, np.arange(1, 6)
        facts.append(
            EpochFacts(
                record=EpochRecord(
                    epoch=epoch, learning_rates=(0.1 if at < 3 else 0.01,), metrics={"val_loss": 1 / (at + 1)}
                ),
                sample_ids=samples.ids[present],
                representations=x[present].astype(np.float32),
                logits=z[present],
                head=Head(weight=weight, bias=np.zeros(classes, np.float32)),
                activations=[
                    Activations(
                        layer="conv",
                        means=np.abs(x[present]).astype(np.float16),
                        maxima=np.abs(x[present]).astype(np.float16),
                    )
                ],
                labelling=Labelling(
                    round=at // 2,
                    labelled=labelled[present],
                    picked=picked[present],
                    rank=rank[present],
                    strategy="margin",
                    scores={"doubt": generator.random(len(present)).astype(np.float32)},
                ),
            )
        )
        labelled = labelled | picked
    return samples, facts


def write_run(
    path: Path, samples: Samples, facts: list[EpochFacts], classes: tuple[str, ...], **more: Any
) -> Path:
    """A run of these facts on disk."""
    with FactsWriter.open(path, RunDescription(name=path.name, classes=classes, **more), samples) as writer:
        for one in facts:
            writer.commit(one)
    return path


CLASSES = ("cat", "dog", "grey wolf", "none")


@pytest.fixture(scope="session")
def rich_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with gaps, absent samples, unknown labels, label noise, metadata, labelling rounds and a map."""
    path = tmp_path_factory.mktemp("rich") / "rich"
    samples, facts = rich_facts()
    write_run(path, samples, facts, CLASSES)
    generator = np.random.default_rng(0)
    with (
        StoredRun(path) as run,
        MapWriter.open(run, MapDescription(name="main", method="test", parameters={}, seed=0)) as writer,
    ):
        epochs = []
        for epoch in run.epochs:
            present = run.present(epoch)[:, None]
            predicted = run.predictions(epoch).predicted
            back = np.where(generator.random(len(samples)) < 0.2, 0, predicted).astype(np.int32)
            epochs.append(
                MapEpoch(
                    epoch=epoch,
                    positions=np.where(present, generator.normal(size=(len(samples), 2)), np.nan).astype(
                        np.float32
                    ),
                    neighbors_kept=generator.random(len(samples)).astype(np.float32),
                    roundtrip_class=back,
                    roundtrip_confidence=generator.random(len(samples)).astype(np.float32),
                    placed=generator.random(len(samples)) < 0.1,
                )
            )
        writer.commit(epochs)
    with StoredRun(path) as run:
        run.save_selection("my pick", run.samples.ids[[3, 5, 8]])
    return path


@pytest.fixture(scope="session")
def rich(rich_path: Path) -> Iterator[StoredRun]:
    """The run of `rich_path`, opened."""
    with StoredRun(rich_path) as run:
        yield run


@pytest.fixture(scope="session")
def rich_other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoredRun]:
    """A second run over most of the same samples, classes in another order, in another order of rows."""
    samples, facts = rich_facts(seed=3)
    order = np.random.default_rng(1).permutation(len(samples))[:50]
    place = {int(one): at for at, one in enumerate(samples.ids)}
    to_other = np.array([2, 0, 1, 3])
    chosen = samples.ids[order]
    labels = samples.labels[order]
    other = Samples(
        ids=chosen,
        labels=np.where(labels >= 0, to_other[np.maximum(labels, 0)], -1).astype(np.int32),
        split=samples.split[order],
    )
    fewer = []
    for one in facts[1:4]:
        at = [at for at, sample in enumerate(one.sample_ids) if sample in set(chosen.tolist())]
        assert one.logits is not None
        logits = np.zeros((len(at), 4), np.float32)
        logits[:, to_other] = one.logits[at] + np.random.default_rng(one.record.epoch).normal(
            size=(len(at), 4)
        )
        fewer.append(
            EpochFacts(
                record=one.record,
                sample_ids=one.sample_ids[at],
                representations=one.representations[at],
                logits=logits,
            )
        )
    assert place
    path = tmp_path_factory.mktemp("other") / "other"
    write_run(path, other, fewer, ("dog", "grey wolf", "cat", "none"))
    with StoredRun(path) as run:
        yield run


@pytest.fixture(scope="session")
def unlabelled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoredRun]:
    """A run without labels."""
    samples, facts = rich_facts()
    bare = Samples(ids=samples.ids, labels=np.full(len(samples), -1, np.int32), split=samples.split)
    path = tmp_path_factory.mktemp("unlabelled") / "unlabelled"
    write_run(
        path,
        bare,
        [
            EpochFacts(
                record=one.record,
                sample_ids=one.sample_ids,
                representations=one.representations,
                logits=one.logits,
            )
            for one in facts
        ],
        CLASSES,
    )
    with StoredRun(path) as run:
        yield run
