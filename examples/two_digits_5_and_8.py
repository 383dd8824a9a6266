"""How does a network come to tell 5 from 8? Answered from Python alone, without the page.

The pair's accuracy at each moment, the moments at which each class rises, whether the same units carry it at
its rises, and where the network looks on one 5 and on others before and after the largest rise.
"""

import argparse
from itertools import combinations

import numpy as np
import torch
from torch import nn
from torch.utils.data import ConcatDataset
from torchvision.transforms import ToTensor

import timetravel
from timetravel.sampledata import digits

FIVE, EIGHT = 5, 8
LEAST_RISE = 0.05
MOMENTS = 4  # recordings an epoch: digits are learned fast


def network():
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(256, 64), nn.ReLU(), nn.Linear(64, 10),
    )  # fmt: skip


def train(out, epochs):
    torch.manual_seed(0)
    data, test = digits(train=True, transform=ToTensor()), digits(train=False, transform=ToTensor())
    images, labels = torch.stack([image for image, _ in data]), data.targets
    model = network()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    with timetravel.Recorder(
        out, model, samples=ConcatDataset([data, test]), optimizer=optimizer, factory=f"{__name__}:network"
    ) as recorder:
        for epoch in range(epochs):
            batches = torch.randperm(len(images)).split(64)
            for number, part in enumerate(np.array_split(np.arange(len(batches)), MOMENTS)):
                for at in part:
                    optimizer.zero_grad()
                    nn.functional.cross_entropy(model(images[batches[at]]), labels[batches[at]]).backward()
                    optimizer.step()
                recorder.record(epoch * MOMENTS + number, step=epoch * len(batches) + int(part[-1]) + 1)


def pair_accuracy(run, epoch):
    """Of the 5s and 8s, the share whose own logit of the two is the larger."""
    pair = np.isin(run.samples.labels, [FIVE, EIGHT])
    z = run.logits(epoch)[pair]
    return ((z[:, FIVE] > z[:, EIGHT]) == (run.samples.labels[pair] == FIVE)).mean()


def rises(run, label):
    """Positions in run.epochs at which the recall of a class gains most, in order, at most five."""
    own = run.samples.labels == label
    recall = np.array([run.predictions(epoch).correct[own].mean() for epoch in run.epochs])
    gains = np.diff(recall, prepend=np.nan)
    largest = sorted(np.flatnonzero(gains >= LEAST_RISE - 1e-9), key=lambda at: -gains[at])[:5]
    return sorted(int(at) for at in largest), recall


def characteristic_units(run, epoch, label, count):
    """Units of the representation whose mean on the class stands out most against the other classes."""
    x, own = np.asarray(run.representations(epoch), float), run.samples.labels == label
    a, b = x[own], x[~own]
    spread = np.sqrt((len(a) * a.var(0) + len(b) * b.var(0)) / (len(x) - 2))
    with np.errstate(invalid="ignore"):
        score = np.where(a.mean(0) == b.mean(0), 0, (a.mean(0) - b.mean(0)) / spread)
    return set(np.argsort(-score, kind="stable")[:count].tolist())


def same_units(run, label):
    """The sentence that answers: when the accuracy of the class rises, are the same units active?"""
    at, _ = rises(run, label)
    width = run.records[0].width
    count = max(3, min(20, width // 10))
    sets = [characteristic_units(run, run.epochs[position], label, count) for position in at]
    if len(sets) < 2:
        return f"The accuracy of {label} rises {len(sets)} times; there is nothing to compare."
    shared, chance = set.intersection(*sets), count * (count / width) ** (len(sets) - 1)
    overlap = np.mean([len(a & b) / len(a | b) for a, b in combinations(sets, 2)])
    return (
        f"{len(shared)} of {count} units are shared by all {len(sets)} rises; chance is about {chance:.1f}. "
        f"Mean overlap of two rises {overlap:.2f}, by chance {count / (2 * width - count):.2f}."
    )


def looks_at(run, epochs, label, how_many):
    """(E, n, 8, 8) where the network looks on the first samples of a class."""
    ids = run.samples.ids[run.samples.labels == label][:how_many]
    return run.attribute(
        ids, epochs, "integrated_gradients", target=label, factory=f"{__name__}:network"
    ).values


def likeness(one, other):
    """Share of the tenth of the pixels that matter most which two maps have in common; .1 by chance."""
    count = max(1, round(0.1 * one.size))
    top = [set(np.argsort(-np.abs(values), axis=None, kind="stable")[:count]) for values in (one, other)]
    return len(top[0] & top[1]) / count


def main(out, epochs):
    train(out, epochs)
    run = timetravel.open_run(out)
    accuracy = [pair_accuracy(run, epoch) for epoch in run.epochs]
    print("accuracy on 5 against 8:", " ".join(f"{value:.2f}" for value in accuracy))
    largest = {}
    for label in (FIVE, EIGHT):
        at, recall = rises(run, label)
        gains = np.diff(recall, prepend=0)
        largest[label] = int(np.argmax(np.where(np.arange(len(gains)) > 0, gains, -1)))
        print(
            f"{label} rises at",
            ", ".join(f"{run.epochs[p]} ({recall[p - 1]:.2f} to {recall[p]:.2f})" for p in at),
        )
        print(f"   {same_units(run, label)}")
    at = largest[FIVE]
    maps = looks_at(run, [run.epochs[at - 1], run.epochs[at]], FIVE, 8)
    before, after = maps
    same = np.mean([likeness(a, b) for a, b in zip(before, after, strict=True)])
    others = np.mean([likeness(after[0], other) for other in after[1:]])
    print(
        f"Across the largest rise of 5, at {run.epochs[at]}, a 5 keeps {same:.0%} of the pixels that matter most;"
    )
    print(f"it shares {others:.0%} of them with another 5 (by chance 10%).")
    return accuracy, [run.epochs[p] for p in largest.values()], same_units(run, FIVE)


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--out", default="runs/five-and-eight", help="run folder, a new one")
    options.add_argument("--epochs", type=int, default=5)
    main(**vars(options.parse_args()))
