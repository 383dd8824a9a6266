"""Find wrong labels: a tenth is flipped on purpose, and the samples that were hardest to learn are looked at."""

import argparse

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision.transforms import ToTensor

import timetravel
from timetravel.sampledata import digits

FLIPPED = 0.10


def network():
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(256, 64), nn.ReLU(), nn.Linear(64, 10),
    )  # fmt: skip


def flip_labels(data, share, seed):
    """Gives a share of the samples another label, and returns the right ones."""
    draw = np.random.default_rng(seed)
    right = data.targets.clone()
    rows = draw.permutation(len(data))[: round(share * len(data))]
    data.targets[rows] = (data.targets[rows] + torch.from_numpy(draw.integers(1, 10, len(rows)))) % 10
    return right


def suspicion(run):
    """Mean over epochs of how much the network doubts the label: 1 - probability of the given label."""
    return np.mean([1 - run.predictions(epoch).p_true for epoch in run.epochs], axis=0)


def main(out, epochs):
    torch.manual_seed(0)
    train = digits(train=True, transform=ToTensor())
    right = flip_labels(train, FLIPPED, seed=0)
    model = network()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    with timetravel.Recorder(
        out, model, samples=train, true_labels=right, optimizer=optimizer, factory="label_noise:network"
    ) as recorder:
        for epoch in range(epochs):
            for images, labels in DataLoader(train, batch_size=64, shuffle=True):
                optimizer.zero_grad()
                nn.functional.cross_entropy(model(images), labels).backward()
                optimizer.step()
            recorder.record(epoch)

    run = timetravel.open_run(out)
    noisy = run.samples.noisy
    suspects = np.argsort(-suspicion(run))[: noisy.sum()]
    precision = noisy[suspects].mean()
    print(f"{noisy.sum()} of {len(noisy)} labels were flipped.")
    print(
        f"Of the {len(suspects)} most suspicious samples {precision:.0%} are flipped ones (chance {FLIPPED:.0%})."
    )
    for row in suspects[:5]:
        print(
            f"  sample {run.samples.ids[row]}: labelled {run.samples.labels[row]}, "
            f"really {run.samples.true_labels[row]}"
        )
    return precision


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--out", default="runs/label-noise", help="run folder, a new one")
    options.add_argument("--epochs", type=int, default=8)
    main(**vars(options.parse_args()))
