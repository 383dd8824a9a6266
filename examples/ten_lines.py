"""Record your own training loop: the recorder is three lines, the rest is a plain PyTorch loop."""

import argparse

import torch
from torch import nn
from torch.utils.data import ConcatDataset, DataLoader
from torchvision.transforms import ToTensor

import timetravel
from timetravel.sampledata import digits


def network():
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(256, 64), nn.ReLU(), nn.Linear(64, 10),
    )  # fmt: skip


def main(out, epochs):
    torch.manual_seed(0)
    train, test = digits(train=True, transform=ToTensor()), digits(train=False, transform=ToTensor())
    model = network()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    # Recorded are the samples you pass, here all; the factory is what can rebuild the network for saliency.
    with timetravel.Recorder(
        out, model, samples=ConcatDataset([train, test]), optimizer=optimizer, factory="ten_lines:network"
    ) as recorder:
        for epoch in range(epochs):
            for images, labels in DataLoader(train, batch_size=64, shuffle=True):
                optimizer.zero_grad()
                loss = nn.functional.cross_entropy(model(images), labels)
                loss.backward()
                optimizer.step()
            recorder.record(epoch, train_loss=loss.item())
    print(f"timetravel project {out} && timetravel serve {out} --factory ten_lines:network")


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--out", default="runs/ten-lines", help="run folder")
    options.add_argument("--epochs", type=int, default=12)
    main(**vars(options.parse_args()))
