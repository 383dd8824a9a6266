"""Views and tools beside the maps: the cube, exports, layers, and a layout without collisions."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.browser

SIDE_A = "?runs=digits-cnn"
BOTH = "?runs=digits-cnn,digits-mlp"

COLLISIONS = """() => {
  const all = [...document.querySelectorAll('.map-tools > *, .legend-box, .joining, .map-title, .figures-line')]
    .filter((e) => e.offsetParent !== null && e.getBoundingClientRect().width > 1);
  const found = [];
  all.forEach((a, i) => all.slice(i + 1).forEach((b) => {
    const [p, q] = [a.getBoundingClientRect(), b.getBoundingClientRect()];
    if (p.left < q.right - 1 && q.left < p.right - 1 && p.top < q.bottom - 1 && q.top < p.bottom - 1) found.push(`${a.className} over ${b.className}`);
  }));
  for (const e of [...all, ...document.querySelectorAll('.top > *, .bottom > *')]) {
    const r = e.getBoundingClientRect();
    if (r.width > 1 && e.offsetParent !== null && (r.right > innerWidth + 1 || r.left < -1)) found.push(`${e.className || e.tagName} leaves the window`);
  }
  if (document.documentElement.scrollHeight > innerHeight || document.documentElement.scrollWidth > innerWidth) found.push('the page scrolls');
  return found;
}"""


@pytest.mark.parametrize("size", [(828, 720), (1024, 700), (1280, 800), (1920, 1080)])
@pytest.mark.parametrize("query", [SIDE_A, BOTH, SIDE_A + "&view=confusion", BOTH + "&view=compare"])
def test_nothing_lies_over_another_and_nothing_scrolls(
    open_tab: Callable[..., Any], size: tuple[int, int], query: str
) -> None:
    tab = open_tab(query + "&pin=5", viewport={"width": size[0], "height": size[1]})
    tab.page.wait_for_timeout(300)
    assert tab.page.evaluate(COLLISIONS) == []


@pytest.mark.parametrize(("query", "width"), [(SIDE_A, 480), (SIDE_A, 700), (BOTH, 640)])
def test_a_narrow_frame_has_the_maps_alone_and_the_inspector_over_them_when_asked(
    open_tab: Callable[..., Any], query: str, width: int
) -> None:
    tab = open_tab(query + "&selection=label:3", viewport={"width": width, "height": 640})
    tab.page.wait_for_timeout(300)
    assert tab.page.evaluate(COLLISIONS) == []
    maps = "() => document.querySelector('.maps').clientWidth"
    assert tab.page.evaluate(maps) == width
    assert tab.page.locator("#inspector").is_hidden()
    tab.page.click(".top [aria-label=inspector]")
    tab.page.wait_for_timeout(300)
    box = tab.page.locator("#inspector").bounding_box()
    assert box["x"] + box["width"] == width
    assert tab.page.evaluate(maps) == width


def test_classes_are_listed_as_they_are_learned_in_both_runs(
    open_tab: Callable[..., Any], runs: list[Any]
) -> None:
    from timetravel.analyze.class_curves import class_curves

    tab = open_tab(BOTH)
    tab.see("the classes", "() => document.querySelectorAll('table.classes tbody tr').length === 10")
    shown = tab.page.evaluate(
        "() => [...document.querySelectorAll('table.classes tbody tr')].map((r) => [...r.children].map((c) => c.textContent.trim()))"
    )
    found = [class_curves(run) for run in runs]
    learned = [one.learned_epochs(run.epochs) for one, run in zip(found, runs, strict=True)]
    assert [row[0] for row in shown] == [runs[0].classes[one] for one in found[0].order]
    for row, one in zip(shown, found[0].order, strict=True):
        for cell, epochs in zip(row[3:], learned, strict=True):
            assert cell.rstrip("?") == ("never" if epochs[one] is None else f"e{epochs[one]}")
    tab.page.click("table.classes tbody tr:last-child td:nth-child(4) button")
    tab.until("its epoch", lambda now: now["epoch"] == learned[0][found[0].order[-1]])


def test_a_pinned_sample_shows_what_both_runs_said_of_it(
    open_tab: Callable[..., Any], runs: list[Any]
) -> None:
    tab = open_tab(BOTH + "&pin=5")
    tab.see("both histories", "() => document.querySelectorAll('.inspector .class-strip').length === 2")
    titles = tab.page.evaluate(
        "() => [...document.querySelectorAll('.class-strip')].map((s) => [...s.children].map((c) => c.title))"
    )
    for run, shown in zip(runs, titles, strict=True):
        row = int(run.rows([5])[0])
        said = [run.classes[run.predictions(epoch).predicted[row]] for epoch in run.epochs]
        assert [text.split(": ")[1].split(" ")[0] for text in shown] == said


def test_shift_drag_marks_an_interval_that_a_click_leaves(
    open_tab: Callable[..., Any], runs: list[Any]
) -> None:
    tab = open_tab(SIDE_A)
    box = tab.page.locator(".timeline-chart").bounding_box()
    epochs = runs[0].epochs
    place = [box["x"] + 9 + (box["width"] - 18) * at / (len(epochs) - 1) for at in (1, 4)]
    tab.page.keyboard.down("Shift")
    tab.page.mouse.move(place[0], box["y"] + 20)
    tab.page.mouse.down()
    tab.page.mouse.move(place[1], box["y"] + 20, steps=4)
    tab.page.mouse.up()
    tab.page.keyboard.up("Shift")
    tab.until("the interval", lambda now: now["interval"] == [epochs[1], epochs[4]])
    assert tab.stats()["epoch"] == epochs[-1]
    tab.see("the link", f"() => location.search.includes('interval={epochs[1]}..{epochs[4]}')")
    tab.page.click("#interval-flips")
    predicted = np.stack([runs[0].predictions(epoch).predicted for epoch in epochs[1:5]])
    flipped = int((predicted[1:] != predicted[:-1]).any(0).sum())
    tab.until("what flipped in it", lambda now: now["selected"] == flipped)
    tab.page.click(".interval-chip")
    tab.until("no interval", lambda now: now["interval"] is None)


def test_the_last_change_has_a_legend_and_stays_in_the_link(open_tab: Callable[..., Any]) -> None:
    tab = open_tab(SIDE_A)
    plain = tab.page.evaluate("() => document.querySelector('#map-a canvas.ground').toDataURL()")
    tab.page.click("[data-layer=isochrone]")
    tab.see("its legend", "() => document.querySelector('.legend').textContent.includes('last change')")
    tab.see(
        "another ground",
        f"() => document.querySelector('#map-a canvas.ground').toDataURL().length !== {len(plain)}",
    )
    tab.see("the link", "() => location.search.includes('isochrone')")
    other = open_tab(tab.page.evaluate("() => location.search"))
    assert "isochrone" in other.stats()["layers"]


def test_one_key_fits_the_dots_of_an_epoch_and_another_everything(
    open_tab: Callable[..., Any], runs: list[Any]
) -> None:
    tab = open_tab(f"{SIDE_A}&epoch={runs[0].epochs[0]}")
    whole = tab.stats()["camera"]
    tab.page.keyboard.press("f")
    tab.page.wait_for_timeout(400)
    near = tab.stats()["camera"]
    positions = runs[0].positions(runs[0].epochs[0])
    inside = np.abs(positions[:, 0] - near[0]) < near[2] / 2
    assert inside.mean() > 0.98
    assert near != whole
    tab.page.keyboard.press("0")
    tab.page.wait_for_timeout(400)
    assert np.allclose(tab.stats()["camera"], whole)


def test_the_ground_fades_out_before_the_raster_ends(open_tab: Callable[..., Any]) -> None:
    tab = open_tab(SIDE_A + "&layers=regions,boundary")
    for _ in range(3):
        tab.page.keyboard.press("-")
    tab.page.wait_for_timeout(500)
    alpha = tab.page.evaluate(
        """() => { const c = document.querySelector('#map-a canvas.ground');
        const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
        return [c.width, c.height, Array.from(d.filter((_, i) => i % 4 === 3))]; }"""
    )
    wide, high, values = alpha
    image = np.array(values).reshape(high, wide)
    drawn = np.argwhere(image > 0)
    (top, left), (bottom, right) = drawn.min(0), drawn.max(0)
    assert top > 0
    assert left > 0
    assert bottom < high - 1
    assert right < wide - 1
    edge = np.concatenate([image[top], image[bottom], image[:, left], image[:, right]])
    assert image.max() > 200
    assert edge.max() < 12


def test_the_picture_is_what_is_seen_with_its_legend(open_tab: Callable[..., Any], tmp_path: Path) -> None:
    from PIL import Image

    tab = open_tab(BOTH)
    tab.page.click("#export summary")
    with tab.page.expect_download() as waiting:
        tab.page.click("[data-export=png]")
    path = tmp_path / "seen.png"
    waiting.value.save_as(path)
    assert waiting.value.suggested_filename.startswith("digits-cnn-digits-mlp-epoch-")
    image = np.asarray(Image.open(path).convert("RGB")).astype(int)
    maps = [tab.page.locator(f"#map-{side}").bounding_box() for side in "ab"]
    assert image.shape[1] > sum(box["width"] for box in maps) + 100
    for start in (0, int(maps[0]["width"])):
        part = image[:, start : start + int(maps[0]["width"])]
        assert (np.abs(part - np.median(part.reshape(-1, 3), axis=0)).sum(2) > 60).mean() > 0.02
    legend = image[:, int(sum(box["width"] for box in maps)) :]
    assert len(np.unique(legend.reshape(-1, 3), axis=0)) > 30


def test_a_drawing_of_one_run_has_its_usual_colours_where_the_page_shows_those_of_two(
    open_tab: Callable[..., Any],
) -> None:
    tab = open_tab(f"{BOTH}&color=agreement_ab")
    tab.page.click("#export summary")
    with tab.page.expect_download(timeout=60_000):
        tab.page.click("[data-export=svg]")
    tab.see("it says so", "() => document.querySelector('#export').textContent.includes('usual colours')")


def test_a_drawing_comes_from_the_server(
    open_tab: Callable[..., Any], runs: list[Any], tmp_path: Path
) -> None:
    epoch = runs[0].epochs[1]
    tab = open_tab(f"{SIDE_A}&epoch={epoch}")
    tab.page.click("#export summary")
    with tab.page.expect_download(timeout=60_000) as waiting:
        tab.page.click("[data-export=svg]")
    path = tmp_path / "map.svg"
    waiting.value.save_as(path)
    text = path.read_text("utf-8")
    assert f"epoch {epoch}" in text
    assert text.count("<circle") == len(runs[0].samples) + len(runs[0].classes)


def test_a_film_can_be_cancelled(open_tab: Callable[..., Any]) -> None:
    tab = open_tab(SIDE_A)
    tab.page.click("#export summary")
    tab.page.click("[data-export=gif]")
    tab.page.click(".export-status button")
    tab.see("the word", "() => document.querySelector('.export-status').textContent.includes('Cancelled')")
    tab.page.keyboard.press("Escape")
    tab.page.keyboard.press("Home")
    tab.until("the page goes on", lambda now: now["epoch"] == now["epochs"][0])


def test_the_cube_turns_follows_the_epoch_and_is_drawn_lit(
    open_tab: Callable[..., Any], runs: list[Any]
) -> None:
    tab = open_tab(SIDE_A + "&view=cube&pin=5")
    drawn = tab.see("trails", "() => document.querySelector('canvas.cube').dataset.drawn")
    azimuth, elevation, epoch, means, chosen = (int(part) for part in drawn.split(","))
    assert (epoch, means, chosen) == (runs[0].epochs[-1], len(runs[0].classes), 1)
    box = tab.page.locator("canvas.cube").bounding_box()
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    tab.page.mouse.move(*middle)
    tab.page.mouse.down()
    tab.page.mouse.move(middle[0] + 60, middle[1] + 20, steps=4)
    tab.page.mouse.up()
    turned = tab.page.evaluate("() => document.querySelector('canvas.cube').dataset.drawn").split(",")
    assert int(turned[0]) == azimuth + 30
    assert int(turned[1]) == elevation + 10
    tab.page.keyboard.press("Home")
    tab.see(
        "the slice moves",
        f"() => document.querySelector('canvas.cube').dataset.drawn.split(',')[2] === '{runs[0].epochs[0]}'",
    )
    tab.page.click("#cube-draw")
    answer = tab.see(
        "a still, or why there is none",
        "() => { const i = document.querySelector('.cube-still'); if (!i.hidden && i.naturalWidth) return i.naturalWidth; "
        "const e = document.querySelector('.view .error'); return e && e.textContent; }",
        seconds=90,
    )
    assert answer == 1000 or "EGL" in answer


def test_a_link_that_asks_for_what_is_not_there_says_so_and_opens(
    open_tab: Callable[..., Any], runs: list[Any]
) -> None:
    tab = open_tab(SIDE_A + "&epoch=99&pin=999999&selection=label:nope")
    tab.allowed.append("400 (Bad Request)")
    words = tab.see(
        "what was not there",
        "() => !document.querySelector('.toast').hidden && document.querySelector('.toast').textContent",
    )
    assert "epoch 99" in words
    assert "999999" in words
    assert "nope" in words
    assert tab.stats()["epoch"] == runs[0].epochs[-1]
    lost = open_tab("?runs=nothing")
    assert "no run nothing" in lost.page.inner_text("main")


def test_a_saved_selection_survives_the_server(
    open_tab: Callable[..., Any], served: Any, runs: list[Any]
) -> None:
    count = int((runs[0].samples.labels == 7).sum())
    tab = open_tab(SIDE_A + "&selection=label:7&view=saved")
    tab.until("selected", lambda now: now["selected"] == count)
    tab.page.fill(".view input[type=text]", "the sevens")
    tab.page.keyboard.press("Enter")
    tab.see("it is listed", "() => document.querySelector('.saved').textContent.includes('the sevens')")
    assert sorted(runs[0].selection("the sevens").ids) == sorted(
        runs[0].samples.ids[runs[0].samples.labels == 7]
    )
    tab.page.close()
    served.stop()
    served.start()
    again = open_tab(SIDE_A + "&view=saved")
    again.see(
        "it is still listed", "() => document.querySelector('.saved').textContent.includes('the sevens')"
    )
    again.page.click(".saved button.link")
    again.until("selected again", lambda now: now["selected"] == count)
    again.page.click(".saved button.quiet")
    again.see("deleted", "() => document.querySelector('.saved').textContent.includes('Nothing saved')")


def test_showing_only_the_selection_is_a_state_of_its_own(
    open_tab: Callable[..., Any], runs: list[Any]
) -> None:
    count = int((runs[0].samples.labels == 3).sum())
    tab = open_tab(SIDE_A + "&selection=label:3")
    stats = tab.until("dimmed, not hidden", lambda now: now["selected"] == count)
    assert stats["visible"] == len(runs[0].samples)
    tab.page.click("#only")
    tab.until("only these", lambda now: now["visible"] == count)
    assert "the rest hidden" in tab.page.inner_text("#selection-count")
    tab.page.click("#only")
    tab.until("all again", lambda now: now["visible"] == len(runs[0].samples))


def test_the_list_of_keys_opens_and_closes(open_tab: Callable[..., Any]) -> None:
    tab = open_tab(SIDE_A)
    tab.page.keyboard.press("?")
    assert tab.page.locator("dialog[open] dt").count() > 18
    tab.page.keyboard.press("Escape")
    assert tab.page.locator("dialog[open]").count() == 0


def test_images_do_not_hide_one_another(open_tab: Callable[..., Any]) -> None:
    from PIL import Image

    tab = open_tab(SIDE_A + "&layers=images")
    tab.page.wait_for_timeout(1500)
    shown = np.asarray(Image.open(io.BytesIO(tab.page.locator("#map-a").screenshot())).convert("RGB")).astype(
        int
    )
    assert (shown.max(2) < 40).mean() > 0.01  # black corners of digits
