"""Trains one network of the demo as anybody would, with a recorder beside the loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import nn
from torch.utils.data import ConcatDataset, Dataset, Subset
from torchvision.transforms import Compose, Normalize, ToTensor

from timetravel.demo import networks
from timetravel.demo.recipes import NETWORKS, RECIPES, Recipe, run_name
from timetravel.errors import BadInput, RunNotFound
from timetravel.record.recorder import Recorder
from timetravel.sampledata import open_dataset
from timetravel.store.run import open_run

Report = Callable[[str, int, int], None]

SEEDS = {"cnn": 11, "mlp": 12}
SEED_STEP = 1000
"""Between the seeds of two demos, so that no two networks share one."""

THREADS = 1
"""Networks this small are no faster on more, and results then do not depend on the number of cores."""

TO_INPUT = Compose([ToTensor(), Normalize(0.5, 0.5)])
"""Pixels 0 to 255 become -1 to 1."""


def train_and_record(
    out: Path,
    network: str,
    *,
    epochs: int,
    dataset: str = "digits",
    root: str | Path | None = None,
    seed: int = 0,
    report: Report | None = None,
) -> Path:
    """The run folder of one network, with epochs 1 to `epochs` in it; what is there already stays.

    network: "cnn" or "mlp". A run that was interrupted is trained again up to where it stopped, from the
    same seed, and then recorded on: the end is the same as without the stop.
    """
    if network not in NETWORKS or dataset not in RECIPES:
        raise ValueError(f"no demo of {network!r} on {dataset!r}; expected {NETWORKS} on {tuple(RECIPES)}")
    recipe, name = RECIPES[dataset], run_name(dataset, network)
    path = out / name
    settings = {
        "data set": recipe.title,
        "network": network,
        "learning rate": recipe.learning_rate,
        "batch": recipe.batch,
        "random flips": recipe.flips,
        "seed": seed,
    }
    done = _recorded_epochs(path, settings)
    if done >= epochs:
        return path
    images = _load(recipe, dataset, root, seed)
    factory = f"timetravel.demo.networks:{network}"
    with _reproducible(SEEDS[network] + SEED_STEP * seed):
        model: nn.Module = getattr(networks, network)(dataset)
        optimizer = torch.optim.Adam(model.parameters(), lr=recipe.learning_rate)
        with Recorder(
            path,
            model,
            samples=images.recorded,
            sample_ids=images.ids,
            split=images.split,
            classes=images.classes,
            name=name,
            hyperparameters={**settings, "epochs": epochs, "training images": len(images.labels)},
            optimizer=optimizer,
            activations=[name for name, part in model.named_children() if isinstance(part, nn.ReLU)],
            factory=factory,
            factory_arguments={"dataset": dataset},
            on_error="raise",
            quiet=True,
        ) as recorder:
            for epoch in range(1, epochs + 1):
                if report is not None:
                    report(f"{name}: training", epoch - 1, epochs)
                train_loss, train_accuracy = _train_one_epoch(model, optimizer, images, recipe)
                if epoch <= done:
                    continue
                val_loss, val_accuracy = _evaluate(model, images)
                recorder.record(
                    epoch,
                    train_loss=train_loss,
                    train_accuracy=train_accuracy,
                    val_loss=val_loss,
                    val_accuracy=val_accuracy,
                )
        if report is not None:
            report(f"{name}: training", epochs, epochs)
    return path


@dataclass(frozen=True, slots=True)
class _Images:
    """inputs, labels: what is trained on. recorded: data set of what is recorded, ids and split beside it."""

    inputs: torch.Tensor
    labels: torch.Tensor
    test_inputs: torch.Tensor
    test_labels: torch.Tensor
    recorded: Dataset[Any]
    ids: NDArray[np.int64]
    split: NDArray[Any]
    classes: list[str]


def _load(recipe: Recipe, dataset: str, root: str | Path | None, seed: int) -> _Images:
    train: Any = open_dataset(dataset, root, train=True, transform=TO_INPUT)
    test: Any = open_dataset(dataset, root, train=False, transform=TO_INPUT)
    draw = np.random.default_rng(seed)
    pool = _some(np.arange(len(train)), recipe.trained, draw)
    kept, tested = _some(pool, recipe.recorded, draw), _some(np.arange(len(test)), recipe.tested, draw)
    # Ids that the data set itself has, else the place in its training part, then in its test part.
    train_ids = getattr(train, "sample_ids", np.arange(len(train)))
    test_ids = getattr(test, "sample_ids", len(train) + np.arange(len(test)))
    inputs, labels = _tensors(Subset(train, pool.tolist()))
    test_inputs, test_labels = _tensors(Subset(test, tested.tolist()))
    return _Images(
        inputs=inputs,
        labels=labels,
        test_inputs=test_inputs,
        test_labels=test_labels,
        recorded=ConcatDataset([Subset(train, kept.tolist()), Subset(test, tested.tolist())]),
        ids=np.concatenate([train_ids[kept], test_ids[tested]]).astype(np.int64),
        split=np.repeat(["train", "test"], [len(kept), len(tested)]),
        classes=[str(label) for label in train.classes],
    )


def _some(rows: NDArray[np.int64], wanted: int, draw: np.random.Generator) -> NDArray[np.int64]:
    return rows if not wanted or wanted >= len(rows) else np.sort(draw.permutation(rows)[:wanted])


def _tensors(data: Dataset[Any]) -> tuple[torch.Tensor, torch.Tensor]:
    pairs = [data[row] for row in range(len(data))]  # type: ignore[arg-type]
    return torch.stack([image for image, _ in pairs]), torch.tensor([label for _, label in pairs])


def _train_one_epoch(
    model: nn.Module, optimizer: torch.optim.Optimizer, images: _Images, recipe: Recipe
) -> tuple[float, float]:
    """Mean loss and accuracy over the batches as they were trained on."""
    model.train()
    loss_sum, right = 0.0, 0
    for rows in torch.randperm(len(images.labels)).split(recipe.batch):
        batch, labels = images.inputs[rows], images.labels[rows]
        if recipe.flips:
            turned = torch.rand(len(rows)) < 0.5
            batch = torch.where(turned[:, None, None, None], batch.flip(-1), batch)
        optimizer.zero_grad()
        logits = model(batch)
        loss = F.cross_entropy(logits, labels)
        loss.backward()
        optimizer.step()
        loss_sum += loss.item() * len(rows)
        right += int((logits.argmax(1) == labels).sum())
    return loss_sum / len(images.labels), right / len(images.labels)


@torch.no_grad()
def _evaluate(model: nn.Module, images: _Images) -> tuple[float, float]:
    """Mean loss and accuracy on the recorded test images, in evaluation mode."""
    model.eval()
    logits = torch.cat([model(batch) for batch in images.test_inputs.split(500)])
    loss = F.cross_entropy(logits, images.test_labels)
    return loss.item(), float((logits.argmax(1) == images.test_labels).float().mean())


def _recorded_epochs(path: Path, settings: dict[str, Any]) -> int:
    """How many epochs the folder has; BadInput when they are of a demo with other settings."""
    try:
        run = open_run(path)
    except RunNotFound:
        return 0
    with run:
        told = run.description.hyperparameters
        other = [name for name, value in settings.items() if told.get(name) != value]
        if other or run.epochs != list(range(1, len(run.epochs) + 1)):
            raise BadInput(
                f"{path} holds a run with another {other[0] if other else 'list of epochs'}; expected an empty "
                "folder or the same demo; pass another --out"
            )
        return len(run.epochs)


@contextmanager
def _reproducible(seed: int) -> Iterator[None]:
    """The seed set and one thread inside; the caller's random state and threads outside."""
    threads = torch.get_num_threads()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        torch.set_num_threads(THREADS)
        try:
            yield
        finally:
            torch.set_num_threads(threads)
