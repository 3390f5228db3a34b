"""A person without art, for tests of the renderer: the head at rest in one skin colour."""

from __future__ import annotations

import numpy as np

from faceloom.synth.assets import load_head
from faceloom.synth.pose import eyeball
from faceloom.synth.scene import (
    AttachedStrands,
    Camera,
    Cloth,
    Eyes,
    FaceState,
    Glasses,
    Label,
    Light,
    Person,
    Shot,
    Strands,
)

LIGHT = Light("test", (0.3, 0.5, 0.81), (0.7, 0.7, 0.7), (0.4,) * 3, (0.3,) * 3, (0.2,) * 3)


def plain_person(*, hair: bool = False, glasses: Glasses | None = None) -> Person:
    head = load_head()
    albedo = np.full((8, 8, 4), 0.4, np.float32)
    brow = int(head.landmarks_68[19])
    attached = AttachedStrands(
        np.full((1, 2, 4), brow),
        np.tile([1.0, 0, 0, 0], (1, 2, 1)),
        np.array([[0.0, 0.08]]),
        np.array([0.02], np.float32),
        np.full((1, 3), 0.05, np.float32),
        np.zeros(1, np.float32),
        np.array([int(Label.BROW)], np.uint8),
    )
    across = np.linspace(-0.5, 0.5, 120)
    rows = np.stack(
        [np.stack([across, np.full(120, y), np.full(120, 1.62)], 1) for y in (8.0, 7.7)], 1
    )
    strands = Strands(
        rows,
        np.full(120, 0.02, np.float32),
        np.full((120, 3), 0.03, np.float32),
        np.zeros(120, np.float32),
        np.zeros((120, 2), np.float32),
    )
    count = len(head.render_vertex_R) + 2 * len(eyeball().directions_E3)
    return Person(
        "plain", head.base_V3, albedo, np.zeros((8, 8, 4), np.float32), (0.4, 0.4, 0.4),
        Eyes((0.1, 0.1, 0.2), (0.1, 0.1, 0.2)), (0.7, 0.7, 0.6), 1.0,
        Cloth((0.1, 0.1, 0.3), (0.1, 0.1, 0.3)), attached, strands if hair else None, glasses,
        np.ones(count, np.float32),
    )  # fmt: skip


def shot(state: FaceState | None = None, **changes: object) -> Shot:
    background = np.full((4, 4, 3), 0.25, np.float32)
    return Shot(state or FaceState(), Camera(), LIGHT, background, **changes)  # type: ignore[arg-type]
