"""Small made-up runs whose every number follows from the epoch, for tests of the store."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from timetravel.store.facts import EpochFacts, EpochRecord, Head, RunDescription, Samples
from timetravel.store.writer import FactsWriter


class Small:
    """Makes samples, facts and runs: N samples, D wide, three classes."""

    classes = ("a", "b", "c")

    def __init__(self, count: int = 30, width: int = 6) -> None:
        self.count, self.width = count, width
        self.head = Head(
            weight=np.random.default_rng(1).normal(size=(3, width)).astype(np.float32),
            bias=np.array([0.1, 0, -0.1], np.float32),
        )

    def samples(self, count: int | None = None, **change: Any) -> Samples:
        n = self.count if count is None else count
        given: dict[str, Any] = {
            "ids": np.arange(100, 100 + n, dtype=np.int64),
            "labels": (np.arange(n) % 3).astype(np.int32),
            "split": np.array(["train", "test"] * n)[:n],
        }
        return Samples(**given | change)

    def description(self, **change: Any) -> RunDescription:
        return RunDescription(**{"name": "small", "classes": self.classes} | change)

    def representations(self, epoch: int, count: int | None = None) -> np.ndarray:
        n = self.count if count is None else count
        values = np.random.default_rng(1000 + epoch).normal(size=(n, self.width))
        return np.maximum(values, 0).astype(np.float16)

    def facts(self, epoch: int, **change: Any) -> EpochFacts:
        x = self.representations(epoch)
        given: dict[str, Any] = {
            "record": EpochRecord(epoch=epoch, metrics={"train_loss": 1 / (1 + epoch)}),
            "sample_ids": self.samples().ids,
            "representations": x,
            "logits": self.head.logits(x).astype(np.float32),
            "head": self.head,
        }
        return EpochFacts(**given | change)

    def open(self, path: Path, **change: Any) -> FactsWriter:
        return FactsWriter.open(path, self.description(**change), self.samples())

    def run(self, path: Path, epochs: Iterable[int] = range(3)) -> Path:
        with self.open(path) as writer:
            for epoch in epochs:
                writer.commit(self.facts(epoch))
        return path


@pytest.fixture(scope="session")
def small() -> Small:
    """Thirty samples, six wide."""
    return Small()


@pytest.fixture
def run(small: Small, tmp_path: Path) -> Path:
    """A run of three epochs."""
    return small.run(tmp_path / "run")
