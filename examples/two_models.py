"""Two networks on the same samples: where they agree, how far their confidence can be believed, and two maps
under one slider."""

import argparse
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import ConcatDataset, DataLoader
from torchvision.transforms import ToTensor

import timetravel
from timetravel.analyze.calibration import calibration
from timetravel.sampledata import digits


def convolutional():
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(256, 64), nn.ReLU(), nn.Linear(64, 10),
    )  # fmt: skip


def dense():
    return nn.Sequential(
        nn.Flatten(), nn.Linear(64, 96), nn.ReLU(), nn.Linear(96, 64), nn.ReLU(), nn.Linear(64, 10)
    )


def record(path, factory, epochs):
    """Trains the network that the factory builds and records it."""
    torch.manual_seed(0)
    train, test = digits(train=True, transform=ToTensor()), digits(train=False, transform=ToTensor())
    model = factory()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    with timetravel.Recorder(
        path,
        model,
        samples=ConcatDataset([train, test]),  # digits() carries sample ids: that is how runs are joined
        optimizer=optimizer,
        factory=f"two_models:{factory.__name__}",
    ) as recorder:
        for epoch in range(epochs):
            for images, labels in DataLoader(train, batch_size=64, shuffle=True):
                optimizer.zero_grad()
                nn.functional.cross_entropy(model(images), labels).backward()
                optimizer.step()
            recorder.record(epoch)
    return timetravel.open_run(path)


def main(out, epochs):
    folder = Path(out)
    a = record(folder / "convolutional", convolutional, epochs)
    b = record(folder / "dense", dense, epochs)
    print("epoch  both right  only convolutional  only dense  both wrong")
    counts = []
    for epoch in a.epochs:
        one, other = a.predictions(epoch).correct, b.predictions(epoch).correct
        row = [(one & other).sum(), (one & ~other).sum(), (~one & other).sum(), (~one & ~other).sum()]
        counts.append([int(count) for count in row])
        print(f"{epoch:5d}  {row[0]:10d}  {row[1]:18d}  {row[2]:10d}  {row[3]:10d}")
    print("On the test images, at the last epoch:")
    for run in (a, b):
        unseen, now = run.samples.split == "test", run.predictions(run.epochs[-1])
        sure, right = now.p_predicted[unseen], now.correct[unseen]
        print(
            f"  {run.name:13s}  {right.mean():.1%} right, {sure.mean():.1%} sure, "
            f"calibration error {calibration(sure, right).error:.3f}"
        )
        timetravel.project(run)
    print(f"timetravel serve {a.path} {b.path}")
    return counts


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--out", default="runs/two-models", help="folder for the two runs")
    options.add_argument("--epochs", type=int, default=10)
    main(**vars(options.parse_args()))
