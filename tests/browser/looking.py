"""What tests of the page do in it, and see of it."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np


def pixels(tab: Any, selector: str) -> np.ndarray:
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(tab.page.locator(selector).first.screenshot())).convert("RGB"))


def canvas_sum(tab: Any, layer: str, side: str = "a") -> float:
    """Sum over a canvas's alpha channel: 0 when nothing is drawn."""
    return tab.page.evaluate(
        """([side, layer]) => { const c = document.querySelector(`#map-${side} canvas.${layer}`);
        const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
        let sum = 0; for (let i = 3; i < d.length; i += 4) sum += d[i]; return sum; }""",
        [side, layer],
    )


def set_slider(tab: Any, stop: int) -> None:
    tab.page.evaluate(
        "stop => { const s = document.querySelector('.slider'); s.value = stop; s.dispatchEvent(new Event('input')) }",
        stop,
    )


def at_rest(tab: Any, epoch: int) -> None:
    tab.until(
        f"epoch {epoch} is drawn",
        lambda stats: stats["epoch"] == epoch and not stats["moving"] and stats["still"],
    )


class OneRun:
    """A run and how to open its page."""

    def __init__(self, run: Any, slug: str, url: str, open_tab: Callable[..., Any]) -> None:
        self.run = run
        self._slug, self._url, self._open_tab = slug, url, open_tab

    def open(self, query: str = "", **settings: Any) -> Any:
        """A tab on this run alone; `query` begins with &."""
        return self.open_link(f"?runs={self._slug}{query}", **settings)

    def open_link(self, link: str, **settings: Any) -> Any:
        return self._open_tab(link, at=self._url, **settings)
