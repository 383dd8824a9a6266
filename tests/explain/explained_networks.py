"""Networks that the tests of explanations share: TINYNET, and one of each kind that people train."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

TINY_INPUT = np.array([[[[1.0, 0.5], [0.0, -2.0]]]], np.float32)


def tinynet() -> nn.Sequential:
    """Convolution (+1, -1), ReLU, average, two logits; every attribution can be worked out by hand."""
    network = nn.Sequential(
        nn.Conv2d(1, 2, 1, bias=False),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(2, 2, bias=False),
    )
    with torch.no_grad():
        network[0].weight.copy_(torch.tensor([1.0, -1.0]).view(2, 1, 1, 1))
        network[4].weight.copy_(torch.tensor([[2.0, 0.0], [0.0, 1.0]]))
    return network.eval()


def cnn() -> nn.Module:
    """Two convolutions with ReLU modules, pooling, two linear layers; 8x8 grey images, 4 classes."""
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(4, 6, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(96, 12),
        nn.ReLU(),
        nn.Linear(12, 4),
    ).eval()


class Block(nn.Module):
    """A residual block; one ReLU module is used twice, in place, as in torchvision's ResNet."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.relu(self.norm(self.first(x)))
        out = self.second(out)
        out += x
        return self.relu(out)


class Residual(nn.Module):
    """A stem, two residual blocks, global average pooling."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 5, 3, padding=1)
        self.blocks = nn.Sequential(Block(5), Block(5))
        self.head = nn.Linear(5, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.blocks(self.stem(x)).mean((2, 3)))


class ModularBlock(nn.Module):
    """The same block as people have to write it for Captum: each ReLU its own module on its own input."""

    def __init__(self, block: Block) -> None:
        super().__init__()
        self.first, self.norm, self.second = block.first, block.norm, block.second
        self.relu, self.last = nn.ReLU(), nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.second(self.relu(self.norm(self.first(x)))) + x)


def residual() -> Residual:
    torch.manual_seed(2)
    network = Residual()
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.uniform_(-0.2, 0.2)
                module.running_var.uniform_(0.5, 1.5)
    return network.eval()


def modular(network: Residual) -> nn.Module:
    """The residual network with the same weights and ReLU modules of their own."""
    return nn.Sequential(
        network.stem,
        *(ModularBlock(block) for block in network.blocks),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        network.head,
    ).eval()


def mlp() -> nn.Module:
    """Flattens 8x8 images; two hidden layers."""
    torch.manual_seed(3)
    return nn.Sequential(
        nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 12), nn.ReLU(), nn.Linear(12, 4)
    ).eval()


class Functional(nn.Module):
    """The CNN above with ReLU called in every way but as a module."""

    def __init__(self, plain: nn.Module) -> None:
        super().__init__()
        self.first, self.second = plain[0], plain[2]
        self.hidden, self.head = plain[6], plain[8]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.first(x))
        x = self.second(x)
        torch.relu_(x)
        x = F.max_pool2d(x, 2).flatten(1)
        return self.head(self.hidden(x).relu())


def images(count: int = 3, channels: int = 1, side: int = 8, seed: int = 0) -> np.ndarray:
    """(count, channels, side, side) float32 around 0."""
    return np.random.default_rng(seed).normal(size=(count, channels, side, side)).astype(np.float32)


def digits_net(width: int = 16, softmax: bool = False) -> nn.Module:
    """A small CNN for 8x8 digits; with `softmax` it answers with probabilities."""
    layers = [
        nn.Conv2d(1, 4, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(64, width),
        nn.ReLU(),
        nn.Linear(width, 10),
    ]
    return nn.Sequential(*layers, *([nn.Softmax(1)] if softmax else []))


def must_not_run() -> nn.Module:
    """A factory that only a run names."""
    raise AssertionError("a factory was run that nobody passed")
