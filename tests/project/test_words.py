"""Figures are told in plain sentences, and only the poor ones."""

from __future__ import annotations

import pytest
from small_runs import drifting_classes, flat_map

from timetravel.project.quality import quality
from timetravel.project.words import (
    FAITHFULNESS,
    HELD_OUT,
    MOVEMENT,
    OVER_TIME,
    epoch_sentences,
    overall_sentences,
    quality_table,
)

GOOD = {
    "neighbor_preservation": 0.6,
    "trustworthiness": 0.99,
    "continuity": 0.99,
    "ppr": 0.999,
    "ppr_low_margin": 0.98,
    "confidence_difference": 0.002,
    "tint_agreement": 0.998,
    "boundary_on_map": 0.7,
    "islands": 0.0,
    "jitter": 0.0005,
    "movement_ranking": 0.7,
    "persistence": 0.5,
    "temporal_correlation": -0.7,
    "temporal_ranking": 0.7,
    "scale_drift": 1.01,
}


def test_a_good_map_needs_no_words():
    assert epoch_sentences(GOOD) == []
    assert overall_sentences(GOOD) == []


@pytest.mark.parametrize(
    "rule", [*FAITHFULNESS, *MOVEMENT, *OVER_TIME, *HELD_OUT], ids=lambda rule: rule.figure
)
def test_each_poor_figure_gets_one_short_sentence(rule):
    worse = rule.limit * 0.5 if rule.high_is_better == (rule.limit > 0) else rule.limit * 2
    said = overall_sentences(GOOD | {rule.figure: worse})
    assert len(said) == 1
    assert len(said[0]) < 150
    assert said[0].endswith(".")


def test_a_share_just_short_of_all_is_not_rounded_to_all():
    said = epoch_sentences({"ppr": 1 - 0.98999})
    assert "100" not in said[0]


def test_a_collapsed_epoch_is_told():
    assert "arbitrary" in epoch_sentences({"zero_distance_neighbors": 1.0})[0]


def test_figures_that_are_missing_are_no_complaint():
    assert epoch_sentences(dict.fromkeys(GOOD)) == []


def test_the_table_holds_every_figure_every_epoch_and_the_reasons_of_what_is_missing():
    run = drifting_classes(epochs=2)
    judged = quality(run.epochs, flat_map(run))
    text = quality_table(judged)
    for name, value in judged["overall"].items():
        assert name in text
        if value is not None:
            assert f"{value:.4f}" in text
    assert "needs at least three epochs" in text
    assert [line.split()[0] for line in text.splitlines() if line[:7].strip().isdigit()] == ["0", "1"]
    assert all(sentence in text for sentence in overall_sentences(judged["overall"]))
