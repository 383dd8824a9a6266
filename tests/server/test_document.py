"""What a page's document holds: little, since every open tab has one of its own."""

from bokeh.document import Document

from timetravel.server.document import fill
from timetravel.server.pages import Pages

MODELS_OF_ONE = 16
"""Models of a page over one run; each costs the server some 7 KiB a tab."""


def named(document: Document, name: str) -> bool:
    return document.get_model_by_name(name) is not None


def test_a_document_holds_what_the_page_looks_for() -> None:
    document = Document()
    fill(document, Pages())
    names = ["state", "map-a", "map-b", "map-x", "map-y", "map-b-x", "map-b-y"]
    names += [f"{side}-{tool}" for side in "ab" for tool in ("pan", "wheel", "box", "lasso")]
    for name in names:
        assert named(document, name), name
    first, second = (document.get_model_by_name(f"map-{side}") for side in "ab")
    assert first.x_range is second.x_range
    assert first.y_range is second.y_range


def test_a_page_over_one_run_costs_no_second_map() -> None:
    document = Document()
    fill(document, Pages(), two=False)
    assert named(document, "map-a")
    assert not named(document, "map-b")
    assert len(document.models) <= MODELS_OF_ONE
