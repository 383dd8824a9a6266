"""The networks of the demo, each built by a function that a run can name as its factory."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

CLASSES = 10
SHAPES = {"digits": (1, 8), "mnist": (1, 28), "fashion-mnist": (1, 28), "cifar10": (3, 32)}
"""Colours and side of a data set's images."""


def cnn(dataset: str = "digits") -> nn.Module:
    """Convolutions, pooling, one hidden layer; sized for the images of the data set."""
    _check(dataset)
    return nn.Sequential({"digits": _digits_layers, "cifar10": _colour_layers}.get(dataset, _grey_layers)())


def mlp(dataset: str = "digits") -> nn.Module:
    """Two hidden layers on all pixels."""
    _check(dataset)
    channels, side = SHAPES[dataset]
    first, second = (96, 64) if dataset == "digits" else (256, 128)
    return nn.Sequential(
        OrderedDict(
            flatten=nn.Flatten(),
            hidden1=nn.Linear(channels * side * side, first),
            relu1=nn.ReLU(),
            hidden2=nn.Linear(first, second),
            relu2=nn.ReLU(),
            head=nn.Linear(second, CLASSES),
        )
    )


def _digits_layers() -> OrderedDict[str, nn.Module]:
    return OrderedDict(
        conv1=nn.Conv2d(1, 16, 3, padding=1),
        relu1=nn.ReLU(),
        conv2=nn.Conv2d(16, 32, 3, padding=1),
        relu2=nn.ReLU(),
        pool=nn.MaxPool2d(2),
        flatten=nn.Flatten(),
        hidden=nn.Linear(32 * 4 * 4, 64),
        relu3=nn.ReLU(),
        head=nn.Linear(64, CLASSES),
    )


def _grey_layers() -> OrderedDict[str, nn.Module]:
    return OrderedDict(
        conv1=nn.Conv2d(1, 16, 3, padding=1),
        relu1=nn.ReLU(),
        pool1=nn.MaxPool2d(2),
        conv2=nn.Conv2d(16, 32, 3, padding=1),
        relu2=nn.ReLU(),
        pool2=nn.MaxPool2d(2),
        flatten=nn.Flatten(),
        hidden=nn.Linear(32 * 7 * 7, 128),
        norm=nn.BatchNorm1d(128),
        relu3=nn.ReLU(),
        head=nn.Linear(128, CLASSES),
    )


def _colour_layers() -> OrderedDict[str, nn.Module]:
    return OrderedDict(
        conv1=nn.Conv2d(3, 32, 3, padding=1),
        relu1=nn.ReLU(),
        conv2=nn.Conv2d(32, 32, 3, padding=1),
        relu2=nn.ReLU(),
        pool1=nn.MaxPool2d(2),
        conv3=nn.Conv2d(32, 64, 3, padding=1),
        relu3=nn.ReLU(),
        conv4=nn.Conv2d(64, 64, 3, padding=1),
        relu4=nn.ReLU(),
        pool2=nn.MaxPool2d(2),
        conv5=nn.Conv2d(64, 64, 3, padding=1),
        relu5=nn.ReLU(),
        pool3=nn.MaxPool2d(2),
        flatten=nn.Flatten(),
        hidden=nn.Linear(64 * 4 * 4, 128),
        relu6=nn.ReLU(),
        head=nn.Linear(128, CLASSES),
    )


def _check(dataset: str) -> None:
    if dataset not in SHAPES:
        raise ValueError(f"unknown data set {dataset!r}; expected one of {', '.join(SHAPES)}")
