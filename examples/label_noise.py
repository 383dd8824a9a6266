"""Find wrong labels: a tenth is flipped on purpose, and each score of suspicion is judged by what it finds."""

import argparse

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision.transforms import ToTensor

import timetravel
from timetravel.analyze.noise_report import noise_found_over_time, noise_report
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
    report = noise_report(run, with_neighbors=True)
    precision = report.found["combined"].precision
    print(f"{noisy.sum()} of {len(noisy)} labels were flipped.")
    print(
        f"Of the {noisy.sum()} most suspicious samples {precision:.0%} are flipped ones (chance {FLIPPED:.0%})."
    )
    print("score               AUROC  flipped among as many suspects")
    for name, found in report.found.items():
        print(f"{name:18s}  {found.auroc:5.3f}  {found.precision:.0%}")
    over_time = noise_found_over_time(run)["aum"]
    print("aum, epochs so far:", " ".join(f"{found.precision:.0%}" for found in over_time))
    if report.fit.crossing is None:
        print(
            "To the end flipped samples are not predicted by the given label more often than by the right one."
        )
    else:
        epoch = run.epochs[report.fit.crossing]
        print(
            f"From epoch {epoch} on flipped samples are predicted by the given label more often than the right."
        )
    for row in report.order[:5]:
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
