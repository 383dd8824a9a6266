"""The network of DeepVisualInsight and TimeVis: D to 2 and back, and the losses it is trained with.

Source: Yang et al. 2022 (DeepVisualInsight), Yang et al. 2022 (TimeVis); the neighbour loss is that of
parametric UMAP (Sainburg et al. 2021). Representations are centred and divided by one number before the
network sees them, so that its settings mean the same for every run.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from timetravel.project.baselines.codec import Codec
from timetravel.project.contracts import EpochData, is_linear

NEGATIVES = 5
"""Pairs that should lie apart, for each edge."""

LEAST_LOGARITHM = 1e-4
"""Logarithms of the neighbour loss are clipped here."""

TEMPERATURE = 0.01
"""Of the softmax that turns gradients of the two largest logits into attention."""

CURVE_A, CURVE_B = 1.5769434603113077, 0.8950608779109733
"""UMAP's curve 1 / (1 + a d^(2b)) for spread 1 and least distance .1 (`find_ab_params(1.0, 0.1)`)."""


@contextmanager
def one_thread() -> Iterator[None]:
    """Sums in the same order whatever the number of cores, so that a seed gives the same bits."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class Autoencoder(nn.Module):
    """Encoder D - u - u - ... - 2 and decoder 2 - u - ... - D, ReLU between."""

    def __init__(self, width: int, hidden: int, layers: int, generator: torch.Generator) -> None:
        super().__init__()
        sizes = [width, *[hidden] * layers, 2]
        self.encoder = _stack(sizes, generator)
        self.decoder = _stack(sizes[::-1], generator)


def _stack(sizes: list[int], generator: torch.Generator) -> nn.Sequential:
    """Linear layers with ReLU between, started as torch starts them but from the given generator."""
    parts: list[nn.Module] = []
    for before, after in itertools.pairwise(sizes):
        layer = nn.utils.skip_init(nn.Linear, before, after)
        bound = before**-0.5
        with torch.no_grad():
            layer.weight.uniform_(-bound, bound, generator=generator)
            layer.bias.uniform_(-bound, bound, generator=generator)
        parts += [layer, nn.ReLU()]
    return nn.Sequential(*parts[:-1])


def codec(net: Autoencoder, centre: NDArray[np.float32], scale: float) -> Codec:
    """The network as arrays, copied."""
    arrays = {name: value.detach().numpy().copy() for name, value in net.state_dict().items()}
    return Codec({**arrays, "centre": centre.astype(np.float32), "scale": np.array(scale, np.float32)})


def attention(data: EpochData, representations: NDArray[np.float32]) -> NDArray[np.float32]:
    """(M, D) how much the two largest logits of each representation (M, D) hang on each dimension; rows sum to 1.

    For a linear head the gradients are two rows of its weight. Zero throughout for any other head.
    """
    if not is_linear(data.head) or len(representations) == 0:
        return np.zeros(representations.shape, np.float32)
    weight = np.abs(np.asarray(data.head.weight, np.float64))  # type: ignore[union-attr]
    top = np.argsort(np.asarray(data.head.logits(representations)), 1)[:, -2:]  # type: ignore[union-attr]
    gradients = weight[top].sum(1) / TEMPERATURE
    powers = np.exp(gradients - gradients.max(1, keepdims=True))
    return np.asarray(powers / powers.sum(1, keepdims=True), np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """How a network is trained. Rates are Adam's.

    batches: most batches of edges that are gone through; a pass is once through all edges. patience: passes
    without a gain of `least_gain` after which training ends. rate(share done) is the learning rate.
    """

    rate: Callable[[float], float]
    batches: int
    patience: int
    least_gain: float
    reconstruction: float
    batch: int = 1000
    attention_power: float = 1.0
    decay: float = 0.0


def train(
    net: Autoencoder,
    nodes: NDArray[np.float32],
    weights: NDArray[np.float32],
    edges: tuple[NDArray[np.int64], NDArray[np.int64]],
    how: Training,
    generator: torch.Generator,
    penalty: Callable[[Autoencoder], torch.Tensor] | None = None,
    report: Callable[[int, int], None] | None = None,
) -> list[float]:
    """Trains in place; the mean loss of each pass.

    nodes: (n, D) scaled representations. weights: (n, D) attention. edges: heads and tails (m,), each as
    often as it is to be seen. penalty: added to the loss of every batch.
    """
    x = torch.from_numpy(np.ascontiguousarray(nodes, np.float32))
    stress = (1 + torch.from_numpy(np.ascontiguousarray(weights, np.float32))) ** how.attention_power
    heads, tails = (torch.from_numpy(np.ascontiguousarray(e)) for e in edges)
    optimiser = torch.optim.Adam(net.parameters(), lr=how.rate(0), weight_decay=how.decay)
    losses: list[float] = []
    best, waited, done = np.inf, 0, 0
    while done < how.batches and len(heads):
        total = 0.0
        order = torch.randperm(len(heads), generator=generator)[: (how.batches - done) * how.batch]
        for start in range(0, len(order), how.batch):
            for group in optimiser.param_groups:
                group["lr"] = how.rate(done / how.batches)
            done += 1
            chosen = order[start : start + how.batch]
            loss = _loss(net, x, stress, heads[chosen], tails[chosen], how, generator)
            if penalty is not None:
                loss = loss + penalty(net)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            total += float(loss.detach()) * len(chosen)
        losses.append(total / len(order))
        if report is not None:
            report(done, how.batches)
        best, waited = (losses[-1], 0) if losses[-1] < best - how.least_gain else (best, waited + 1)
        if waited >= how.patience:
            break
    return losses


def _loss(
    net: Autoencoder,
    x: torch.Tensor,
    stress: torch.Tensor,
    heads: torch.Tensor,
    tails: torch.Tensor,
    how: Training,
    generator: torch.Generator,
) -> torch.Tensor:
    """Neighbour loss and attention-weighted reconstruction of a batch of edges."""
    both = torch.cat([heads, tails])
    inputs = x[both]
    y = net.encoder(inputs)
    missed = (net.decoder(y) - inputs) ** 2
    reconstruction: torch.Tensor = (stress[both] * missed).mean()
    one, two = y[: len(heads)], y[len(heads) :]
    shuffled = torch.randint(len(heads), (NEGATIVES * len(heads),), generator=generator)
    near = _similarity(one, two)
    far = _similarity(one.repeat(NEGATIVES, 1), two[shuffled])
    pulled = -torch.log(near.clamp(min=LEAST_LOGARITHM))
    pushed = -torch.log((1 - far).clamp(min=LEAST_LOGARITHM))
    neighbours: torch.Tensor = (pulled.sum() + pushed.sum()) / (len(near) + len(far))
    return neighbours + how.reconstruction * reconstruction


def _similarity(one: torch.Tensor, two: torch.Tensor) -> torch.Tensor:
    squares = ((one - two) ** 2).sum(1)
    # The gradient of d^(2b) is infinite at 0 for b < 1.
    return 1 / (1 + CURVE_A * (squares + 1e-12) ** CURVE_B)
