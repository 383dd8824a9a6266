"""Pictures that the page asks the server to draw: stills, films, the page as one file, the cube from a direction."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_runs import N, Running

from timetravel.errors import BadInput, MissingPart
from timetravel.server.work import cube, picture


def ask(path: Path, **request: Any) -> dict[str, Any]:
    return {"path": str(path), "factory": None, "factory_arguments": None, **request}


def silent(stage: str, done: int, total: int) -> None:
    """Progress that nobody watches."""


def test_a_still_has_a_dot_for_every_sample_of_its_epoch(runs: dict[str, Path]) -> None:
    result, blob = picture(ask(runs["made"], form="svg", epoch=1), silent)
    assert result["mime"] == "image/svg+xml"
    text = blob.decode()
    assert "epoch 1" in text
    assert text.count("<circle") == (N - 2) + 3  # those who are there, and one a class in the legend


def test_a_picture_follows_the_theme(runs: dict[str, Path]) -> None:
    from PIL import Image

    brightness = []
    for dark in (False, True):
        _, blob = picture(ask(runs["made"], form="png", epoch=4, size=200, dark=dark), silent)
        brightness.append(np.asarray(Image.open(io.BytesIO(blob)).convert("L"))[:5, :5].mean())
    assert brightness[0] > 240
    assert brightness[1] < 40


def test_a_film_tells_its_progress_and_moves(runs: dict[str, Path]) -> None:
    from PIL import Image

    told: list[tuple[int, int]] = []
    result, blob = picture(
        ask(runs["made"], form="gif", size=100), lambda stage, done, total: told.append((done, total))
    )
    assert result["mime"] == "image/gif"
    assert told[-1] == (4, 4)
    assert Image.open(io.BytesIO(blob)).n_frames > 4


def test_the_page_as_one_file_is_whole(runs: dict[str, Path]) -> None:
    result, blob = picture(ask(runs["made"], form="html"), silent)
    assert result["mime"].startswith("text/html")
    assert blob.startswith(b"<!doctype html")
    assert blob.rstrip().endswith(b"</html>")


@pytest.mark.parametrize("request_", [{"form": "exe"}, {"form": None}, {"form": "png", "size": "large"}])
def test_what_cannot_be_drawn_is_refused(runs: dict[str, Path], request_: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match="expected"):
        picture(ask(runs["made"], **request_), silent)


@pytest.mark.parametrize(
    "request_",
    [{"rows": [N]}, {"rows": [-1]}, {"rows": "all"}, {"camera": [1]}, {"camera": [0, float("nan")]}],
)
def test_a_cube_of_nothing_known_is_refused(runs: dict[str, Path], request_: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        cube(ask(runs["made"], **request_), silent)


def test_the_cube_looks_from_where_it_is_asked(runs: dict[str, Path]) -> None:
    from PIL import Image

    images = []
    for camera in ([0, 10], [120, 60]):
        try:
            _, blob = cube(ask(runs["made"], size=200, camera=camera, rows=[0, 3]), silent)
        except MissingPart as error:
            pytest.skip(str(error))
        images.append(np.asarray(Image.open(io.BytesIO(blob)).convert("L")).astype(int))
    assert images[0].shape == (200, 200)
    assert (np.abs(images[0] - images[1]) > 20).mean() > 0.02


def test_agreement_by_accuracy_counts_at_the_epochs_that_stand_together(served: Running) -> None:
    by_epoch = served.json("compare/made/other/agreement.json")
    by_accuracy = served.json("compare/made/other/agreement.json?join=accuracy")
    assert by_accuracy["stops"] == by_epoch["by_accuracy"]
    for at, stop in enumerate(by_accuracy["stops"]):
        for cell in ("both", "only_a", "only_b", "neither"):
            body = {"epoch_a": stop["a"], "epoch_b": stop["b"], "cell": cell}
            assert served.json("compare/made/other/cell", "POST", body)["count"] == by_accuracy[cell][at]
