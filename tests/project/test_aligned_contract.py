"""The package's own method keeps the contract of a projection method."""

from __future__ import annotations

from method_contract import ProjectionMethodContract

from timetravel.project.aligned import Aligned


class TestAligned(ProjectionMethodContract):
    @classmethod
    def make(cls):
        return Aligned()
