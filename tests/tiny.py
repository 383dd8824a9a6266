"""TINY: three classes, eight samples, six epochs, two models; every expected number is known by hand.

Probabilities of model A are tabled. The rest of a row's probability: where the prediction is the label, the
two other classes share it equally; else the predicted class gets 0.8 of it and the third class 0.2. Model B
has predictions alone; its right class gets 0.6, or the predicted one when it is wrong, by the same rule from a
p_true of 0.3. Logits are ln p.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from timetravel.store.facts import EpochFacts, EpochRecord, Head, RunDescription, Samples
from timetravel.store.writer import FactsWriter

CLASSES = ("a", "b", "c")
LABELS = np.array([0, 0, 0, 1, 1, 1, 2, 2], np.int32)
EPOCHS = range(6)

PREDICTED = {
    "A": ["bacbabba", "aabbabbb", "aaaabbbb", "aaabbbcb", "ababab" + "cb", "aaabbbcb"],
    "B": ["aaaaaaaa", "aacabbaa", "aaabbbca", "aaabbbcb", "aaabbbcc", "aaabbbcc"],
}
P_TRUE_OF_A = np.array(
    [
        [0.30, 0.50, 0.20, 0.45, 0.25, 0.60, 0.20, 0.10],
        [0.60, 0.70, 0.35, 0.55, 0.35, 0.80, 0.25, 0.15],
        [0.70, 0.80, 0.55, 0.30, 0.50, 0.85, 0.30, 0.20],
        [0.80, 0.90, 0.75, 0.60, 0.65, 0.90, 0.55, 0.25],
        [0.85, 0.35, 0.80, 0.70, 0.30, 0.95, 0.65, 0.20],
        [0.90, 0.95, 0.85, 0.75, 0.60, 0.95, 0.75, 0.10],
    ]
)
ACCURACY_OF_A = [0.375, 0.5, 0.625, 0.875, 0.625, 0.875]
MEAN_LOSS_OF_A = [1.2643, 0.8839, 0.7563, 0.4559, 0.6360, 0.4699]
ACCURACY_OF_B = [0.375, 0.5, 0.875, 0.875, 1.0, 1.0]


def predicted(model: str, epoch: int) -> NDArray[np.int32]:
    """(8,) predicted class."""
    return np.array(["abc".index(letter) for letter in PREDICTED[model][epoch]], np.int32)


def p_true(model: str, epoch: int) -> NDArray[np.float64]:
    """(8,) probability of the label."""
    if model == "A":
        return P_TRUE_OF_A[epoch]
    return np.where(predicted(model, epoch) == LABELS, 0.6, 0.3)


def probabilities(model: str, epoch: int) -> NDArray[np.float64]:
    """(8, 3) by the rule above."""
    says, own = predicted(model, epoch), p_true(model, epoch)
    rows = np.zeros((8, 3))
    for sample in range(8):
        rest, label = 1 - own[sample], LABELS[sample]
        others = [number for number in range(3) if number != label]
        rows[sample, label] = own[sample]
        if says[sample] == label:
            rows[sample, others] = rest / 2
        else:
            third = next(number for number in others if number != says[sample])
            rows[sample, says[sample]], rows[sample, third] = 0.8 * rest, 0.2 * rest
    return rows


def tiny_run(path: str | Path, model: str = "A") -> Path:
    """TINY written as a run: logits ln p as representations (width 3), with the head that leaves them as they are."""
    samples = Samples(
        ids=np.arange(8, dtype=np.int64),
        labels=LABELS,
        split=np.array(["train"] * 8),
        attributes={"name": np.array([f"sample {number}" for number in range(8)], object)},
    )
    description = RunDescription(name=f"tiny {model}", classes=CLASSES, model=model, layer="logits")
    with FactsWriter.open(path, description, samples) as writer:
        for epoch in EPOCHS:
            logits = np.log(probabilities(model, epoch))
            writer.commit(
                EpochFacts(
                    record=EpochRecord(
                        epoch=epoch, step=100 * (epoch + 1), learning_rates=(0.1 if epoch < 4 else 0.01,)
                    ),
                    sample_ids=samples.ids,
                    representations=logits.astype(np.float32),
                    logits=logits.astype(np.float32),
                    head=Head(weight=np.eye(3, dtype=np.float32), bias=np.zeros(3, np.float32)),
                )
            )
    return Path(path)
