"""A torchvision ResNet on CIFAR-10 (or, without --root, on the digits that ship), recorded through its blocks.

--root: the folder that torchvision's CIFAR10 was downloaded to, or one with train.npz and test.npz of JPEGs.
"""

import argparse
import time

import torch
from torch import nn
from torch.utils.data import ConcatDataset, DataLoader, Subset
from torchvision.models.resnet import BasicBlock, ResNet
from torchvision.transforms import Compose, Grayscale, Normalize, RandomHorizontalFlip, Resize, ToTensor

import timetravel
from timetravel.sampledata import digits, open_dataset


def network():
    """One block a stage, and a stem for images of 32x32."""
    model = ResNet(BasicBlock, [1, 1, 1, 1], num_classes=10)
    model.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
    return model


def load(root, train, transform):
    if root is None:
        return digits(train=train, transform=Compose([Resize(32), Grayscale(3), transform]))
    return open_dataset("cifar10", root, train=train, transform=transform)


def main(out, epochs, root, images):
    torch.manual_seed(0)
    plain = Compose([ToTensor(), Normalize(0.5, 0.5)])
    # Trained on flipped copies, recorded as they are.
    augmented = Subset(
        load(root, True, Compose([RandomHorizontalFlip(), plain]) if root else plain), range(images)
    )
    recorded = ConcatDataset(
        [
            Subset(load(root, train, plain), range(part))
            for train, part in ((True, images), (False, images // 5))
        ]
    )
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.05, total_steps=max(2, epochs))
    started = time.time()
    with timetravel.Recorder(
        out,
        model,
        samples=recorded,
        optimizer=optimizer,
        activations=["layer1", "layer2", "layer3", "layer4"],
        factory="resnet_cifar10:network",
    ) as recorder:
        for epoch in range(epochs):
            model.train()
            total = 0.0
            for batch, labels in DataLoader(augmented, batch_size=64, shuffle=True):
                optimizer.zero_grad()
                loss = nn.functional.cross_entropy(model(batch), labels)
                loss.backward()
                optimizer.step()
                total += loss.item() * len(batch)
            schedule.step()
            recorder.record(epoch, train_loss=total / len(augmented))
    run = timetravel.open_run(out)
    accuracies = [
        float(run.predictions(epoch).correct[run.samples.split == "test"].mean()) for epoch in run.epochs
    ]
    print(
        f"accuracy on the test images: {accuracies[0]:.3f} to {accuracies[-1]:.3f} in {time.time() - started:.0f} s"
    )
    print(f"timetravel project {out} && timetravel serve {out} --factory resnet_cifar10:network")
    return accuracies


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--out", default="runs/resnet", help="run folder, a new one")
    options.add_argument("--epochs", type=int, default=5)
    options.add_argument("--root", help="folder with CIFAR-10")
    options.add_argument("--images", type=int, default=1000, help="training images")
    main(**vars(options.parse_args()))
