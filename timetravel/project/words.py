"""Figures in plain words: what is poor, what it means for the reader, and why a figure is missing.

The thresholds are the goals that the package sets itself, loosened where a run may be hard by nature.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Figures = Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class Rule:
    """A threshold and the sentence for a figure on the wrong side of it.

    limit: the least (high is better) or most (low is better) that goes without a word.
    """

    figure: str
    limit: float
    high_is_better: bool
    sentence: Callable[[float], str]

    def says(self, figures: Figures) -> str | None:
        """The sentence when the figure is there and poor."""
        value = figures.get(self.figure)
        if value is None or (value >= self.limit if self.high_is_better else value <= self.limit):
            return None
        return self.sentence(value)


def _percent(value: float) -> str:
    """At most one decimal, and never a rounding to 100 % of what is less."""
    text = f"{100 * value:.1f}" if value > 0.9 else f"{100 * value:.0f}"
    return f"{'99.9' if text == '100.0' and value < 1 else text} %"


COLLAPSED = Rule(
    "zero_distance_neighbors",
    0.5,
    False,
    lambda v: (
        f"{_percent(v)} of the nearest neighbours lie at distance 0: the network tells few samples apart "
        "here, and neighbours are arbitrary."
    ),
)

FAITHFULNESS = (
    Rule(
        "neighbor_preservation",
        0.3,
        True,
        lambda v: (
            f"Only {_percent(v)} of a sample's nearest neighbours are neighbours on the map: "
            "read groups, not single pairs."
        ),
    ),
    Rule(
        "trustworthiness",
        0.95,
        True,
        lambda v: f"Samples that look near may be far apart (trustworthiness {v:.3f}, goal .950).",
    ),
    Rule(
        "continuity",
        0.95,
        True,
        lambda v: f"Samples that are near may be torn apart on the map (continuity {v:.3f}, goal .950).",
    ),
    Rule(
        "ppr",
        0.99,
        True,
        lambda v: (
            f"For {_percent(1 - v)} of the samples the map read backwards gives another class than the "
            "network does."
        ),
    ),
    Rule(
        "ppr_low_margin",
        0.95,
        True,
        lambda v: (
            f"Close to the decision boundary the class survives map and back for only {_percent(v)} "
            "of the samples."
        ),
    ),
    Rule(
        "confidence_difference",
        0.008,
        False,
        lambda v: f"Confidence read off the map is wrong by {v:.3f} on average.",
    ),
    Rule(
        "tint_agreement",
        0.985,
        True,
        lambda v: (
            f"{_percent(1 - v)} of the samples stand on ground of a class that the network does not "
            "give them."
        ),
    ),
    Rule(
        "boundary_on_map",
        0.3,
        True,
        lambda v: f"Only {_percent(v)} of the decision boundary appears where the map would show it.",
    ),
    Rule(
        "islands",
        2,
        False,
        lambda v: f"{v:.0f} tiny patches of ground hold no sample of their class: do not read them.",
    ),
)

MOVEMENT = (
    Rule(
        "persistence",
        0.05,
        True,
        lambda v: (
            f"Only {_percent(v)} of the neighbours were neighbours at the epoch before: "
            "the two epochs can hardly be compared."
        ),
    ),
    Rule(
        "jitter",
        0.0015,
        False,
        lambda v: (
            f"Samples whose neighbours stayed moved by {100 * v:.2f} % of the map: "
            "small movements mean nothing."
        ),
    ),
    Rule(
        "movement_ranking",
        0.45,
        True,
        lambda v: f"Who moves more did not reliably change more (rank correlation {v:.2f}, goal .55).",
    ),
)

OVER_TIME = (
    Rule(
        "temporal_correlation",
        -0.5,
        False,
        lambda v: (
            f"When a sample moves says little about when its neighbours changed (correlation {v:.2f}, "
            "goal -.68)."
        ),
    ),
    Rule(
        "temporal_ranking",
        0.5,
        True,
        lambda v: (
            f"Distances travelled on the map are a poor guide to distances travelled in the network "
            f"(rank correlation {v:.2f})."
        ),
    ),
    Rule(
        "scale_drift",
        1.1,
        False,
        lambda v: f"The map's size changes by a factor of {v:.2f} over the run: growth is not spread.",
    ),
)

HELD_OUT = (
    Rule(
        "heldout_ppr",
        0.985,
        True,
        lambda v: f"Of samples that the fit never saw, {_percent(1 - v)} change class after map and back.",
    ),
    Rule(
        "heldout_blind_ppr",
        0.9,
        True,
        lambda v: (
            f"Placed without their prediction, {_percent(1 - v)} of unseen samples land on ground of "
            "another class: regions generalise only so far."
        ),
    ),
)


def epoch_sentences(figures: Figures) -> list[str]:
    """One short sentence per poor figure of an epoch, worst news first; empty when all is well."""
    return _say((COLLAPSED, *FAITHFULNESS, *MOVEMENT, *HELD_OUT), figures)


def overall_sentences(figures: Figures) -> list[str]:
    """The same for the whole map, figures over time among them."""
    return _say((COLLAPSED, *FAITHFULNESS, *MOVEMENT, *OVER_TIME, *HELD_OUT), figures)


def _say(rules: Iterable[Rule], figures: Figures) -> list[str]:
    return [sentence for rule in rules if (sentence := rule.says(figures)) is not None]


NEEDS_NEIGHBORS = ("neighbor_preservation", "trustworthiness", "continuity", "heldout_neighbor_preservation")
NEEDS_CLASSES = (
    "ppr",
    "ppr_low_margin",
    "ppr_worst_epoch",
    "confidence_difference",
    "tint_agreement",
    "tint_low_margin",
    "heldout_ppr",
    "heldout_ppr_low_margin",
    "heldout_tint",
)
NEEDS_BOUNDARY = (
    "boundary_preservation",
    "boundary_on_map",
    "boundary_preservation_by_rule",
    "boundary_on_map_by_rule",
)
NEEDS_STEP = ("jitter", "jitter_last", "movement", "persistence", "movement_ranking")
NEEDS_TIME = ("temporal_correlation", "temporal_ranking", "temporal_neighbors")


def why_missing(figure: str, figures: Figures, epoch_count: int | None = None) -> str:
    """Why a figure of an epoch (or, with `epoch_count`, of a whole map) is None, in a few words."""
    if epoch_count is not None:
        if figure in (*NEEDS_STEP, "scale_drift") and epoch_count < 2:
            return "one epoch: nothing to compare it with"
        if figure in NEEDS_TIME and epoch_count < 3:
            return "needs at least three epochs"
        if figure in NEEDS_TIME:
            return "nothing varies over the epochs"
    samples, classes = figures.get("samples"), figures.get("predicted_classes")
    collapsed = figures.get("zero_distance_neighbors") == 1
    if samples is not None and samples < 3 and figure in NEEDS_NEIGHBORS:
        return f"{samples:.0f} samples: neighbours mean nothing"
    if collapsed and figure in (*NEEDS_NEIGHBORS, *NEEDS_STEP, "inverse_r2"):
        return "all representations are equal"
    if figure in ("trustworthiness", "continuity"):
        return "too few samples"
    if figure in NEEDS_BOUNDARY:
        if classes == 1:
            return "one predicted class: there is no boundary"
        return "no head, no raster, or too few samples"
    if figure in NEEDS_CLASSES:
        return "no head or logits recorded" if classes is None else "the map has no inverse or no raster"
    if figure in NEEDS_STEP:
        return "first epoch, or nothing varies over the samples"
    return "not defined here"


def quality_table(quality: Mapping[str, Any]) -> str:
    """The figures of a stored map for the terminal: overall, then one line an epoch, then sentences.

    quality: {"overall": figures, "epochs": {epoch: figures}} as `StoredMap.quality()` gives them.
    """
    overall, epochs = quality["overall"], quality["epochs"]
    lines = ["overall"]
    for name, value in overall.items():
        reason = "" if value is not None else f"   {why_missing(name, overall, len(epochs))}"
        lines.append(f"  {name:32}{_number(value)}{reason}")
    shown = [name for name, _ in COLUMNS if any(row.get(name) is not None for row in epochs.values())]
    titles = dict(COLUMNS)
    lines += ["", "  ".join(["epoch".rjust(7), *(titles[n].rjust(8) for n in shown)])]
    for epoch, row in epochs.items():
        lines.append("  ".join([str(epoch).rjust(7), *(_number(row.get(n)).rjust(8) for n in shown)]))
    said = overall_sentences(overall)
    notes = [f"- {sentence}" for sentence in said] or ["- No figure is poor."]
    for epoch, row in epochs.items():
        notes += [f"- Epoch {epoch}: {s}" for s in epoch_sentences(row) if not _said_before(s, said)]
    return "\n".join([*lines, "", *notes])


COLUMNS = (
    ("neighbor_preservation", "neigh."),
    ("trustworthiness", "trust"),
    ("continuity", "contin."),
    ("ppr", "ppr"),
    ("ppr_low_margin", "ppr low"),
    ("tint_agreement", "tint"),
    ("confidence_difference", "conf.d."),
    ("boundary_on_map", "bound."),
    ("islands", "islands"),
    ("jitter", "jitter"),
    ("movement_ranking", "mov.rank"),
    ("persistence", "persist."),
    ("heldout_ppr", "held"),
    ("heldout_blind_ppr", "blind"),
)
"""Figures of the epoch table and their column titles."""


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _said_before(sentence: str, said: Iterable[str]) -> bool:
    """Whether the same complaint, with another number, was already made of the whole map."""
    return any(_without_numbers(sentence) == _without_numbers(other) for other in said)


def _without_numbers(sentence: str) -> str:
    return "".join(c for c in sentence if not c.isdigit() and c not in "-.")
