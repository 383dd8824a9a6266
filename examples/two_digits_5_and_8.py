"""How does a network come to tell 5 from 8? Answered from Python alone, without the page.

The pair's accuracy at each moment, the moments at which each class rises, whether the same units carry it at
its rises, the histories that most of its samples share, and where the network looks on one 5 and on others before
and after the largest rise.
"""

import argparse

import numpy as np
import torch
from torch import nn
from torch.utils.data import ConcatDataset
from torchvision.transforms import ToTensor

import timetravel
from timetravel.analyze.class_curves import class_curves, pair_curve
from timetravel.analyze.class_units import class_units
from timetravel.analyze.histories import common_patterns
from timetravel.analyze.history import history
from timetravel.sampledata import digits

FIVE, EIGHT = 5, 8
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
    accuracy = pair_curve(run, FIVE, EIGHT)
    print("accuracy on 5 against 8:", " ".join(f"{value:.2f}" for value in accuracy))
    recall, past = class_curves(run, measure="recall").values, history(run)
    units, largest = {}, {}
    for label in (FIVE, EIGHT):
        own, of_class = recall[:, label], past.labels == label
        units[label] = found = class_units(run, label)
        largest[label] = int(np.nanargmax(np.diff(own, prepend=np.nan)))
        rises = ", ".join(f"{run.epochs[at]} ({own[at - 1]:.2f} to {own[at]:.2f})" for at in found.rises)
        print(f"{label} rises at {rises}")
        print(f"   {found.sentence}")
        if len(found.rises) > 1:
            print(
                f"   Mean overlap of two rises {found.overlap:.2f}, of two other moments {found.other_overlap:.2f}, "
                f"by chance {found.chance:.2f}."
            )
        for pattern in common_patterns(past.correct[:, of_class], past.known[:, of_class], most=3):
            print(f"   right at {pattern.text}: {pattern.count} of {of_class.sum()}")
    at = largest[FIVE]
    maps = looks_at(run, [run.epochs[at - 1], run.epochs[at]], FIVE, 8)
    before, after = maps
    same = np.mean([likeness(a, b) for a, b in zip(before, after, strict=True)])
    others = np.mean([likeness(after[0], other) for other in after[1:]])
    print(
        f"Across the largest rise of 5, at {run.epochs[at]}, a 5 keeps {same:.0%} of the pixels that matter most;"
    )
    print(f"it shares {others:.0%} of them with another 5 (by chance 10%).")
    return accuracy, [run.epochs[p] for p in largest.values()], units[FIVE].sentence


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--out", default="runs/five-and-eight", help="run folder, a new one")
    options.add_argument("--epochs", type=int, default=5)
    main(**vars(options.parse_args()))
