"""Every baseline keeps the contract of a projection method."""

from __future__ import annotations

from typing import ClassVar

import pytest
from method_contract import ProjectionMethodContract

from timetravel.project.baselines.alignedumap import AlignedUMAP
from timetravel.project.baselines.dvi import DeepVisualInsight
from timetravel.project.baselines.pca import JointPCA
from timetravel.project.baselines.timevis import TimeVis
from timetravel.project.baselines.tsne import PerEpochTSNE
from timetravel.project.baselines.umap import PerEpochUMAP


class TestJointPCA(ProjectionMethodContract):
    @classmethod
    def make(cls):
        return JointPCA()


class TestPerEpochUMAP(ProjectionMethodContract):
    @classmethod
    def make(cls):
        return PerEpochUMAP(passes=40)


class TestPerEpochTSNE(ProjectionMethodContract):
    @classmethod
    def make(cls):
        pytest.importorskip("openTSNE", reason="openTSNE is an extra: pip install 'timetravel-maps[bench]'")
        return PerEpochTSNE(iterations=60)


class TestAlignedUMAP(ProjectionMethodContract):
    extends: ClassVar[bool] = False

    @classmethod
    def make(cls):
        return AlignedUMAP(passes=20)


class TestDeepVisualInsight(ProjectionMethodContract):
    @classmethod
    def make(cls):
        return DeepVisualInsight(batches=150, later_batches=40, hidden_share=4.0, layers=2)


class TestTimeVis(ProjectionMethodContract):
    extends: ClassVar[bool] = False

    @classmethod
    def make(cls):
        return TimeVis(batches=120, hidden=24, layers=2)
