"""Active learning: train on what is labelled, pick what the network is least sure of, label it, start again.

Every epoch is recorded with the labelled set; the last of a round also with the scores and the picks. In the end:
what would other strategies have picked, and does the uncertainty tell where the network is wrong?
"""

import argparse

import numpy as np
import torch
from torch import nn
from torch.utils.data import ConcatDataset
from torchvision.transforms import ToTensor

import timetravel
from timetravel.analyze.strategies import STRATEGIES, pool_of, suggest
from timetravel.analyze.uncertainty import error_by_decile, finds_errors
from timetravel.sampledata import digits

FIRST, PICKED = 40, 20
PASSES = 4  # over the labelled samples in a recorded epoch: there are few of them at first


def network():
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(256, 64), nn.ReLU(), nn.Linear(64, 10),
    )  # fmt: skip


def scores_of(model, images, strategy, draw):
    """How much each sample is worth labelling; the most comes first."""
    if strategy == "random":
        return draw.random(len(images))
    with torch.no_grad():
        p = model.eval()(images).softmax(1)
    if strategy == "margin":
        best = p.topk(2).values
        return (1 - (best[:, 0] - best[:, 1])).numpy()
    return -(p * p.clamp_min(1e-12).log()).sum(1).numpy()


def say_what_others_would_have_picked(run, epoch):
    """How many picks of a round other strategies share; a committee is left out, it needs a second run."""
    picked = np.flatnonzero(run.labelling(epoch).picked)
    print(
        f"The last {len(picked)} picks came from {pool_of(run, epoch).sum()} samples. Other strategies there:"
    )
    print("strategy            same picks")
    for strategy in STRATEGIES:
        if strategy != "committee":
            same = np.isin(suggest(run, epoch, strategy, len(picked)), picked).sum()
            print(f"{strategy:18s}  {same:10d}")


def say_whether_scores_find_errors(run, epoch, strategy):
    pool = pool_of(run, epoch)
    scores = run.labelling(epoch).scores[strategy][pool]
    wrong = ~run.predictions(epoch).correct[pool]
    print(
        f"In the pool {wrong.mean():.1%} are wrong; {strategy} finds them with AUROC {finds_errors(scores, wrong):.3f}."
    )
    print(
        "Wrong by tenths of the pool, lowest score first:",
        " ".join(f"{x:.0%}" for x in error_by_decile(scores, wrong)),
    )


def main(out, epochs, rounds, strategy):
    torch.manual_seed(0)
    draw = np.random.default_rng(0)
    train, test = digits(train=True, transform=ToTensor()), digits(train=False, transform=ToTensor())
    samples = ConcatDataset([train, test])
    images = torch.stack([image for image, _ in samples])
    labels = torch.tensor([label for _, label in samples])
    ids = np.concatenate([train.sample_ids, test.sample_ids])
    is_pool = np.arange(len(ids)) < len(train)
    labelled = np.zeros(len(ids), bool)
    labelled[draw.permutation(len(train))[:FIRST]] = True

    model = network()
    untrained = {name: value.clone() for name, value in model.state_dict().items()}
    accuracies = []
    with timetravel.Recorder(
        out,
        model,
        samples=samples,
        split=np.where(is_pool, "pool", "test"),
        factory="active_learning:network",
    ) as recorder:
        for turn in range(rounds):
            model.load_state_dict(untrained)  # from scratch, so that a round shows what its labels are worth
            optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
            for epoch in range(epochs):
                model.train()
                order = np.concatenate([draw.permutation(np.flatnonzero(labelled)) for _ in range(PASSES)])
                for rows in torch.from_numpy(order).split(16):
                    optimizer.zero_grad()
                    nn.functional.cross_entropy(model(images[rows]), labels[rows]).backward()
                    optimizer.step()
                moment = {"round": turn, "labelled": labelled, "strategy": strategy}
                if epoch == epochs - 1:
                    scores = scores_of(model, images, strategy, draw)
                    pool = np.flatnonzero(is_pool & ~labelled)
                    picks = pool[np.argsort(-scores[pool])[:PICKED]]
                    moment |= {"scores": {strategy: scores}, "picks": ids[picks]}
                recorder.record(turn * epochs + epoch, **moment)
            with torch.no_grad():
                right = (model.eval()(images).argmax(1) == labels).numpy()
            accuracies.append(right[~is_pool].mean())
            print(
                f"round {turn}: {labelled.sum():4d} labelled, accuracy {accuracies[-1]:.3f} on the test images"
            )
            labelled = labelled.copy()
            labelled[picks] = True
    run = timetravel.open_run(out)
    say_what_others_would_have_picked(run, run.epochs[-1])
    say_whether_scores_find_errors(run, run.epochs[-1], strategy)
    print(f"timetravel project {out} && timetravel serve {out} --factory active_learning:network")
    return accuracies


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--out", default="runs/active-learning", help="run folder, a new one")
    options.add_argument("--epochs", type=int, default=8, help="epochs in a round")
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--strategy", choices=["entropy", "margin", "random"], default="entropy")
    main(**vars(options.parse_args()))
