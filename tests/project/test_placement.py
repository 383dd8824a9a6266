"""Where unseen samples go when nothing but the head's geometry is known of them."""

import numpy as np
from small_runs import drifting_classes

from timetravel.project.aligned import Aligned
from timetravel.project.contracts import KeptEpochs
from timetravel.project.geometry import decisive
from timetravel.project.placement import FAR, FAR_COST, place


def placed_both_ways():
    run = drifting_classes(600, classes=4)
    fitted = np.arange(600) % 4 != 0
    maps = Aligned().fit(KeptEpochs(run.epochs, fitted))
    data = run.epochs[2]
    opened = maps._open(2)
    rows = data.representations[~fitted]
    plain = place(opened.search(), opened.positions, opened.geometry.rows(rows)).positions
    return run, fitted, maps, data, rows, plain


def test_the_ground_reads_more_like_the_sample_than_beside_its_most_central_neighbour() -> None:
    _, _, maps, data, rows, plain = placed_both_ways()
    read = maps.place(2, rows).positions
    z = decisive(data.head.logits(rows))
    spread = decisive(maps._open(2).data.logits).var(0).sum()

    def wrong(places: np.ndarray) -> np.ndarray:
        return ((decisive(maps.inverse(2).logits(places)) - z) ** 2).sum(1) / spread

    far = ((read - plain) ** 2).sum(1)
    assert (wrong(read) + FAR_COST * far / (FAR + far) <= wrong(plain) + 1e-5).all()
    assert wrong(read).mean() < 0.9 * wrong(plain).mean()
    assert (far > 0).mean() > 0.3


def test_a_sample_that_was_fitted_stays_where_it_is() -> None:
    _, fitted, maps, data, _, _ = placed_both_ways()
    again = maps.place(2, data.representations[fitted]).positions
    np.testing.assert_allclose(again, maps.positions[2][fitted], atol=1e-5)


def test_samples_are_placed_each_for_itself() -> None:
    _, _, maps, _, rows, _ = placed_both_ways()
    together = maps.place(2, rows).positions
    alone = np.concatenate([maps.place(2, rows[i : i + 1]).positions for i in range(10)])
    np.testing.assert_allclose(together[:10], alone, atol=1e-5)


def test_purely_the_data_s_neighbourhoods_do_not_ask_the_head() -> None:
    from timetravel.project.aligned import Settings

    run = drifting_classes(300)
    fitted = np.arange(300) % 4 != 0
    maps = Aligned(Settings(agreement=0)).fit(KeptEpochs(run.epochs, fitted))
    rows = run.epochs[2].representations[~fitted]
    opened = maps._open(2)
    plain = place(opened.search(), opened.positions, rows).positions
    np.testing.assert_array_equal(maps.place(2, rows).positions, plain)
