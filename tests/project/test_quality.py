"""Every figure of a map against plain loops, and what becomes of it in odd cases."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import reference
from hypothesis import given, settings
from hypothesis import strategies as st
from small_runs import FlatInverse, SmallRun, drifting_classes, flat_map

from timetravel.errors import BadInput
from timetravel.project import figures_ground, figures_neighbors, figures_time, probes
from timetravel.project.contracts import ArrayEpochs, MappedEpoch
from timetravel.project.quality import Meter, quality
from timetravel.project.words import why_missing
from timetravel.store.facts import Head

K = 15


@pytest.fixture(scope="module")
def run() -> SmallRun:
    return drifting_classes(samples=120, epochs=4)


@pytest.fixture(scope="module")
def judged(run):
    return quality(run.epochs, flat_map(run))


def plain(run, epoch):
    x = run.x[epoch].astype(np.float64)
    return x, x[:, :2]


@pytest.mark.parametrize("epoch", [0, 3])
def test_neighbor_figures_equal_the_plain_loops(run, judged, epoch):
    x, y = plain(run, epoch)
    figures = judged["epochs"][epoch]
    assert figures["neighbor_preservation"] == pytest.approx(
        reference.neighbor_preservation(x, y, K), abs=1e-9
    )
    assert figures["trustworthiness"] == pytest.approx(reference.trustworthiness(x, y, K), abs=1e-9)
    assert figures["continuity"] == pytest.approx(reference.trustworthiness(y, x, K), abs=1e-9)


def test_trustworthiness_equals_that_of_scikit_learn():
    from sklearn.manifold import trustworthiness

    rng = np.random.default_rng(0)
    x, y = rng.normal(0, 1, (700, 8)), rng.normal(0, 1, (700, 2))
    ours = figures_neighbors.trustworthiness(x, y, K)
    assert ours == pytest.approx(trustworthiness(x, y, n_neighbors=K), abs=1e-9)


def test_samples_at_equal_distance_are_ranked_by_their_row():
    from sklearn.manifold import trustworthiness

    rng = np.random.default_rng(0)
    x = np.repeat(rng.normal(0, 1, (60, 3)), 3, 0)
    y = rng.normal(0, 1, (180, 2))
    ours = figures_neighbors.trustworthiness(x, y, 5)
    assert ours == pytest.approx(trustworthiness(x, y, n_neighbors=5), abs=0.02)


@pytest.mark.parametrize("epoch", [0, 3])
def test_round_trip_figures_equal_the_plain_loops(run, judged, epoch):
    data, x = run.epochs[epoch], run.x[epoch].astype(np.float64)
    back = FlatInverse(data)(run.x[epoch][:, :2]).astype(np.float64)
    before = run.heads[epoch].logits(x)
    after = run.heads[epoch].logits(back)
    kept = [int(b.argmax()) == int(a.argmax()) for a, b in zip(after, before, strict=True)]
    low = reference.least_margin_tenth(before)
    p, q = reference.probabilities(before), reference.probabilities(after)
    change = [abs(p[i, b.argmax()] - q[i, b.argmax()]) for i, b in enumerate(before)]
    figures = judged["epochs"][epoch]
    assert figures["ppr"] == pytest.approx(np.mean(kept))
    assert figures["ppr_low_margin"] == pytest.approx(np.mean([kept[i] for i in low]))
    assert figures["confidence_difference"] == pytest.approx(np.mean(change), abs=1e-9)
    spread = ((x - x.mean(0)) ** 2).sum()
    assert figures["inverse_r2"] == pytest.approx(1 - ((back - x) ** 2).sum() / spread, abs=1e-6)


@pytest.mark.parametrize("epoch", [0, 3])
def test_ground_figures_equal_the_plain_loops(run, judged, epoch):
    raster = flat_map(run)[epoch].raster
    predicted = run.epochs[epoch].predicted
    here = [reference.cell(p, raster.extent, 60) for p in run.x[epoch][:, :2].astype(np.float64)]
    tint = [raster.cell_class[c] == predicted[i] for i, c in enumerate(here)]
    figures = judged["epochs"][epoch]
    assert figures["tint_agreement"] == pytest.approx(np.mean(tint))
    assert figures["regions"] == len(reference.patches(raster.cell_class))
    assert figures["islands"] == reference.islands(raster.cell_class, here, list(predicted))


def test_a_tiny_patch_is_an_island_unless_it_holds_a_sample_of_its_class():
    raster = np.zeros((200, 200), int)
    raster[10:12, 10:12] = 1
    raster[50:52, 50:52] = 1
    raster[100:150, 100:150] = 1
    one = np.array([51])
    assert figures_ground.patches(raster, one, one, np.array([1])) == (4, 1)
    assert figures_ground.patches(raster, one, one, np.array([0])) == (4, 2)


def test_figures_over_time_equal_the_plain_loops(run, judged):
    x = [a.astype(np.float64) for a in run.x]
    y = [a[:, :2] for a in x]
    kept, moved = reference.kept_and_moved(x, y, K)
    overall = judged["overall"]
    for step in range(3):
        figures = judged["epochs"][step + 1]
        size = (reference.diameter(y[step]) + reference.diameter(y[step + 1])) / 2
        ranking = reference.spearman([1 - a for a in kept[step]], moved[step])
        assert figures["jitter"] == pytest.approx(reference.jitter(kept[step], moved[step], size), abs=1e-9)
        assert figures["movement"] == pytest.approx(np.mean(moved[step]) / size, abs=1e-9)
        assert figures["persistence"] == pytest.approx(np.mean(kept[step]), abs=1e-9)
        assert figures["movement_ranking"] == pytest.approx(ranking, abs=1e-9)
    assert overall["temporal_correlation"] == pytest.approx(
        reference.temporal_correlation(kept, moved), abs=1e-9
    )
    assert overall["temporal_ranking"] == pytest.approx(reference.temporal_ranking(x, y), abs=1e-9)
    assert overall["temporal_neighbors"] == pytest.approx(reference.temporal_neighbors(x, y, 1), abs=1e-9)
    radii = [np.sqrt(((a - a.mean(0)) ** 2).sum(1).mean()) for a in y]
    assert overall["scale_drift"] == pytest.approx(max(radii) / min(radii))


def test_temporal_figures_do_not_depend_on_how_many_samples_are_read_at_once(run, judged, monkeypatch):
    monkeypatch.setattr(figures_time, "CHUNK_BYTES", 4 * 8 * 4 * 7)
    again = figures_time.temporal_ranking(run.epochs, [np.ascontiguousarray(a[:, :2]) for a in run.x])
    assert again["temporal_ranking"] == pytest.approx(judged["overall"]["temporal_ranking"], abs=1e-12)
    assert again["temporal_neighbors"] == pytest.approx(judged["overall"]["temporal_neighbors"], abs=1e-12)


def test_probes_lie_between_the_two_classes_that_they_separate(run):
    head = run.heads[3]
    points, pairs = probes.boundary_probes(run.x[3], head.logits)
    logits = head.logits(points)
    top = np.sort(logits, 1)
    assert len(points) > 100
    assert np.abs(top[:, -1] - top[:, -2]).max() < 1e-3
    assert (np.sort(np.argsort(logits, 1)[:, -2:], 1) == pairs).mean() > 0.99


def test_a_flat_map_of_flat_data_is_perfect():
    rng = np.random.default_rng(0)
    base, drift = rng.normal(0, 1, (2, 400, 2))
    x = np.stack([base + 0.3 * e * drift for e in range(4)]).astype(np.float32)
    head = Head(weight=np.array([[1, 0], [-1, 0]], np.float32), bias=np.zeros(2, np.float32))
    run = SmallRun(x, [head] * 4)
    overall = quality(run.epochs, flat_map(run, resolution=400))["overall"]
    for name in ("neighbor_preservation", "trustworthiness", "continuity", "ppr", "ppr_low_margin"):
        assert overall[name] == pytest.approx(1, abs=1e-6), name
    assert overall["inverse_r2"] == pytest.approx(1, abs=1e-6)
    assert overall["boundary_on_map"] > 0.99
    assert overall["temporal_ranking"] > 0.99
    assert overall["regions"] == 2
    assert overall["islands"] == 0


def test_positions_by_chance_get_the_figures_of_chance(run):
    rng = np.random.default_rng(1)
    mapped = [MappedEpoch(positions=rng.normal(0, 1, (120, 2)).astype(np.float32)) for _ in range(4)]
    overall = quality(run.epochs, mapped)["overall"]
    assert overall["neighbor_preservation"] == pytest.approx(15 / 119, abs=0.04)
    assert overall["trustworthiness"] == pytest.approx(0.5, abs=0.07)
    assert abs(overall["temporal_correlation"]) < 0.2
    assert overall["jitter"] > 0.15


@settings(max_examples=15, deadline=None)
@given(angle=st.floats(0, 6.3), size=st.floats(0.01, 100), mirror=st.booleans(), far=st.floats(-50, 50))
def test_turning_scaling_and_mirroring_a_map_leaves_its_figures(angle, size, mirror, far):
    run = drifting_classes(samples=60, epochs=3)
    turn = size * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    if mirror:
        turn[0] *= -1
    plain_map = [MappedEpoch(positions=np.ascontiguousarray(x[:, :2])) for x in run.x]
    turned = [
        MappedEpoch(positions=((x[:, :2] + far) @ turn).astype(np.float32)) for x in run.x.astype(np.float64)
    ]
    one, two = (quality(run.epochs, m)["overall"] for m in (plain_map, turned))
    for name in ("neighbor_preservation", "trustworthiness", "continuity", "scale_drift"):
        assert one[name] == pytest.approx(two[name], abs=2e-3), name
    for name in ("temporal_correlation", "temporal_ranking", "movement_ranking"):
        assert one[name] == pytest.approx(two[name], abs=2e-2), name


@pytest.mark.parametrize("size", [1e30, 1e-30])
def test_huge_and_tiny_representations_get_the_figures_of_ordinary_ones(run, size):
    mapped = [MappedEpoch(positions=np.ascontiguousarray(x[:, :2])) for x in run.x]
    power = float(np.exp2(np.round(np.log2(size))))  # exact in float32
    plain_run = quality(ArrayEpochs(run.x), mapped)
    scaled = quality(ArrayEpochs(run.x * np.float32(power)), mapped)
    for name, value in plain_run["overall"].items():
        assert scaled["overall"][name] == (None if value is None else pytest.approx(value, abs=1e-6)), name


def test_a_large_offset_does_not_blur_neighbours():
    rng = np.random.default_rng(0)
    x = rng.normal(0, 1, (100, 5))
    plain_ids = figures_neighbors.nearest(x, x, 5, same=True)
    far_ids = figures_neighbors.nearest(x + 1e4, x + 1e4, 5, same=True)
    assert (plain_ids == far_ids).mean() > 0.98


def test_duplicates_are_never_their_own_neighbours():
    x = np.repeat(np.random.default_rng(0).normal(0, 1, (40, 3)), 5, 0)
    ids = figures_neighbors.nearest(x, x, 4, same=True)
    assert ids.shape == (200, 4)
    assert not (ids == np.arange(200)[:, None]).any()
    assert figures_neighbors.zero_distance_share(x.astype(np.float32), ids) == 1


def test_neighbours_on_a_large_map_are_those_of_the_exact_search(monkeypatch):
    y = np.random.default_rng(0).normal(0, 1, (500, 2)).astype(np.float32)
    exact = figures_neighbors.nearest_on_map(y, 15)
    monkeypatch.setattr(figures_neighbors, "TREE_SAMPLES", 100)
    quick = figures_neighbors.nearest_on_map(y, 15)
    assert (np.sort(quick, 1) == np.sort(exact, 1)).mean() > 0.999


def test_faithfulness_of_each_sample_adds_up_to_the_figures(run, judged):
    meter = Meter(run.epochs)
    for e, mapped in enumerate(flat_map(run)):
        told = meter.add(run.epochs[e], mapped)
        predicted = run.epochs[e].predicted
        figures = judged["epochs"][e]
        assert told.neighbors_kept.mean() == pytest.approx(figures["neighbor_preservation"], abs=1e-6)
        assert (told.roundtrip_class == predicted).mean() == pytest.approx(figures["ppr"])
        assert told.roundtrip_confidence.mean() == pytest.approx(figures["confidence_difference"], abs=1e-6)


def test_a_map_judged_on_from_known_figures_gets_the_same_overall(run, judged):
    meter, mapped = Meter(run.epochs), flat_map(run)
    for e in range(3):
        meter.recall(run.epochs[e], mapped[e].positions, judged["epochs"][e])
    told = meter.add(run.epochs[3], mapped[3])
    assert told.figures == judged["epochs"][3]
    assert meter.overall() == pytest.approx(judged["overall"], nan_ok=True)


def test_samples_that_come_and_go_are_judged_where_they_are():
    run = drifting_classes(samples=90, epochs=4)
    x = run.x.copy()
    x[0, 60:] = np.nan
    x[3, :10] = np.nan
    mapped = [MappedEpoch(positions=np.ascontiguousarray(a[:, :2])) for a in x]
    whole = quality(ArrayEpochs(x, run.heads), mapped)
    alone = quality(ArrayEpochs(x[:1, :60], run.heads[:1]), [MappedEpoch(positions=mapped[0].positions[:60])])
    for name in ("neighbor_preservation", "trustworthiness", "boundary_preservation"):
        assert whole["epochs"][0][name] == alone["epochs"][0][name]
    assert whole["epochs"][0]["samples"] == 60
    assert all(-1 <= whole["overall"][n] <= 1 for n in ("temporal_correlation", "temporal_ranking"))
    lists = [set(row) for row in reference.neighbors(x[3, 10:].astype(float), K)]
    before = reference.neighbors(x[2].astype(float), K)
    kept = [len({j + 10 for j in lists[i]} & set(before[i + 10])) / K for i in range(80)]
    assert whole["epochs"][3]["persistence"] == pytest.approx(np.mean(kept), abs=1e-9)


def test_a_present_sample_without_a_position_is_refused_by_id(run):
    y = np.ascontiguousarray(run.x[0][:, :2])
    y[7] = np.nan
    epochs = ArrayEpochs(run.x, run.heads, sample_ids=np.arange(100, 220))
    with pytest.raises(BadInput, match="first id 107"):
        Meter(epochs).add(epochs[0], MappedEpoch(positions=y))


def test_held_out_figures_are_those_of_the_samples_that_were_kept_out(run):
    fitted = np.ones(120, bool)
    fitted[::4] = False
    judged = quality(run.epochs, flat_map(run), fitted=fitted)["epochs"][2]
    x, y = plain(run, 2)
    k = 15
    there = reference.neighbors_among(x[fitted], x[~fitted], k)
    here = reference.neighbors_among(y[fitted], y[~fitted], k)
    assert judged["heldout_neighbor_preservation"] == pytest.approx(
        np.mean(reference.shared(there, here)) / k, abs=1e-9
    )
    back = run.heads[2].logits(FlatInverse(run.epochs[2])(run.x[2][:, :2])).argmax(1)
    kept = back == run.epochs[2].predicted
    assert judged["heldout_ppr"] == pytest.approx(kept[~fitted].mean())


NEEDS_A_HEAD = ("ppr", "ppr_low_margin", "confidence_difference", "inverse_r2", "boundary_preservation")


def test_without_a_head_or_logits_the_class_figures_are_missing(run):
    mapped = [MappedEpoch(positions=m.positions, raster=m.raster) for m in flat_map(run)]
    judged = quality(ArrayEpochs(run.x), mapped)
    for name in (*NEEDS_A_HEAD, "tint_agreement", "boundary_on_map", "islands"):
        assert judged["overall"][name] is None, name
    assert judged["overall"]["neighbor_preservation"] is not None
    assert "no head" in why_missing("ppr", judged["epochs"][0])


def test_recorded_logits_are_enough_for_the_ground_figures(run):
    logits = np.stack([h.logits(x) for h, x in zip(run.heads, run.x, strict=True)])
    with_head = quality(run.epochs, flat_map(run))["epochs"][1]
    without = quality(ArrayEpochs(run.x, logits=logits), flat_map(run))["epochs"][1]
    assert without["tint_agreement"] == with_head["tint_agreement"]
    assert without["ppr"] is None
    logits[1, 5] = np.nan
    gap = quality(ArrayEpochs(run.x, logits=logits), flat_map(run))["epochs"][1]
    assert 0 < gap["tint_agreement"] <= 1


def test_one_predicted_class_has_no_boundary_and_says_so(run):
    head = Head(weight=np.zeros((3, 8), np.float32), bias=np.array([0, 1, 0], np.float32))
    one = SmallRun(run.x, [head] * 4)
    judged = quality(one.epochs, flat_map(one))
    assert judged["overall"]["boundary_preservation"] is None
    assert judged["overall"]["boundary_on_map"] is None
    assert judged["overall"]["ppr"] == 1
    assert "one predicted class" in why_missing("boundary_on_map", judged["epochs"][0])


def test_two_classes_and_one_class_heads_are_judged(run):
    two = SmallRun(run.x, [Head(weight=h.weight[:2], bias=h.bias[:2]) for h in run.heads])
    assert quality(two.epochs, flat_map(two))["overall"]["boundary_preservation"] is not None
    one = SmallRun(run.x, [Head(weight=h.weight[:1], bias=h.bias[:1]) for h in run.heads])
    mapped = [MappedEpoch(positions=m.positions) for m in flat_map(run)]
    assert quality(one.epochs, mapped)["overall"]["boundary_preservation"] is None


@pytest.mark.parametrize("count", [1, 2, 3, 4, 16])
def test_few_samples_get_no_invented_figures(count):
    run = drifting_classes(samples=count, epochs=3)
    judged = quality(run.epochs, flat_map(run))["epochs"][1]
    if count < 3:
        assert judged["neighbor_preservation"] is None
        assert judged["persistence"] is None
        assert "samples" in why_missing("neighbor_preservation", judged)
    else:
        assert 0 <= judged["neighbor_preservation"] <= 1
    assert (judged["trustworthiness"] is None) == (count < 4)
    assert judged["boundary_preservation"] is None or count >= K


TIME = (
    "jitter",
    "jitter_last",
    "movement_ranking",
    "temporal_correlation",
    "temporal_ranking",
    "temporal_neighbors",
)


def test_one_epoch_has_no_figures_over_time():
    run = drifting_classes(epochs=1)
    overall = quality(run.epochs, flat_map(run))["overall"]
    for name in (*TIME, "scale_drift"):
        assert overall.get(name) is None, name
    assert overall["neighbor_preservation"] is not None
    assert "one epoch" in why_missing("jitter", overall, 1)


def test_two_epochs_have_steps_but_no_series():
    run = drifting_classes(epochs=2)
    overall = quality(run.epochs, flat_map(run))["overall"]
    assert overall["jitter"] is not None
    assert overall["temporal_correlation"] is None
    assert overall["temporal_ranking"] is None
    assert "three epochs" in why_missing("temporal_ranking", overall, 2)


def test_identical_epochs_have_persistence_one_and_no_correlations():
    run = drifting_classes(epochs=1)
    same = SmallRun(np.repeat(run.x, 4, 0), run.heads * 4)
    overall = quality(same.epochs, flat_map(same))["overall"]
    assert overall["persistence"] == 1
    assert overall["jitter"] == 0
    for name in ("movement_ranking", "temporal_correlation", "temporal_ranking"):
        assert overall[name] is None, name
    assert "nothing varies" in why_missing("temporal_correlation", overall, 4)


def test_epochs_of_unequal_width_have_steps_but_no_distances_between_them(run):
    x = [run.x[0], run.x[1][:, :5], run.x[2], run.x[3]]
    overall = quality(ArrayEpochs(x), [MappedEpoch(positions=m.positions) for m in flat_map(run)])["overall"]
    assert overall["temporal_ranking"] is None
    assert overall["temporal_correlation"] is not None


def test_a_collapsed_epoch_has_no_neighbours_to_keep(run):
    x = run.x.copy()
    x[2] = 1.5
    flat = SmallRun(x, run.heads)
    mapped = [
        MappedEpoch(positions=np.ascontiguousarray(run.x[1][:, :2]), inverse=FlatInverse(flat.epochs[e]))
        for e in range(4)
    ]
    judged = quality(flat.epochs, mapped)
    collapsed = judged["epochs"][2]
    for name in ("neighbor_preservation", "trustworthiness", "continuity", "inverse_r2", "persistence"):
        assert collapsed[name] is None, name
    assert collapsed["zero_distance_neighbors"] == 1
    assert "equal" in why_missing("neighbor_preservation", collapsed)
    assert judged["epochs"][3]["persistence"] is None
    assert judged["overall"]["neighbor_preservation"] is not None


def test_a_head_that_is_not_linear_is_judged_by_what_it_says(run):
    class Bent:
        def logits(self, representations, /):
            return np.tanh(run.heads[0].logits(representations))

    bent = ArrayEpochs(run.x, [Bent()] * 4)
    figures = quality(bent, flat_map(run))["overall"]
    assert 0 <= figures["ppr"] <= 1
    assert figures["boundary_preservation"] is not None


def test_an_inverse_that_is_not_finite_gives_no_round_trip(run):
    class Broken(FlatInverse):
        def __call__(self, points, /):
            return np.full((len(points), 8), np.nan, np.float32)

    mapped = [MappedEpoch(positions=m.positions, inverse=Broken(run.epochs[0])) for m in flat_map(run)]
    assert quality(run.epochs, mapped)["overall"]["ppr"] is None


def test_no_figure_raises_a_warning_on_constant_columns_and_equal_positions(run):
    x = run.x.copy()
    x[:, :, 3] = 0
    mapped = [MappedEpoch(positions=np.zeros((120, 2), np.float32)) for _ in range(4)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        judged = quality(ArrayEpochs(x, run.heads), mapped)
    assert judged["overall"]["scale_drift"] is None
