"""What the demo trains, and how: one recipe a data set, tried until both networks learned well."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

NETWORKS = ("cnn", "mlp")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """title: of the data set. trained, recorded, tested: numbers of training images used, of those recorded,
    and of test images recorded; 0 = all. flips: random horizontal flips while training."""

    title: str
    learning_rate: float = 1e-3
    batch: int = 64
    trained: int = 0
    recorded: int = 0
    tested: int = 0
    flips: bool = False


RECIPES: Mapping[str, Recipe] = {
    "digits": Recipe(title="UCI handwritten digits"),
    "mnist": Recipe(
        title="MNIST", learning_rate=3e-4, batch=128, trained=12_000, recorded=6_000, tested=1_000
    ),
    "fashion-mnist": Recipe(
        title="Fashion-MNIST", learning_rate=3e-4, batch=128, trained=15_000, recorded=6_000, tested=1_000
    ),
    "cifar10": Recipe(title="CIFAR-10", trained=10_000, recorded=4_000, tested=1_000, flips=True),
}


def run_name(dataset: str, network: str) -> str:
    """Folder of a run of the demo."""
    return f"{dataset}-{network}"
