"""One face: the blend is exact where nothing is painted, soft where something is."""

from __future__ import annotations

import numpy as np

from faceloom.colour import ColourMatcher
from faceloom.convert.face import Painted, blend, heat, place, skin_region, soft_mask
from faceloom.faces.align import align, reference_points
from faceloom.faces.face import Aligned, Face
from faceloom.geometry import Box, Similarity

SIDE = 96


def frame_with_face(scale: float = 1.7) -> tuple[np.ndarray, Aligned]:
    rng = np.random.default_rng(0)
    coarse = rng.integers(60, 200, (30, 40, 3), dtype=np.uint8)
    frame = np.kron(coarse, np.ones((10, 10, 1), np.uint8))
    mesh = np.pad(
        Similarity(scale, 0.2, 90, 60).apply(reference_points(SIDE)), ((0, 0), (0, 1))
    ).astype(np.float32)
    return frame, align(frame, Face(Box.around(mesh), 1.0, None, mesh), SIDE)


def test_alpha_nought_changes_nothing() -> None:
    frame, aligned = frame_with_face()
    painted = Painted(np.zeros((SIDE, SIDE, 3), np.uint8), np.zeros((SIDE, SIDE), np.float32))
    assert place(frame, aligned, painted, ColourMatcher("none")) is None


def test_painting_the_source_gives_the_source() -> None:
    frame, aligned = frame_with_face(scale=1.0)
    painted = Painted(aligned.crop_HWC, np.ones((SIDE, SIDE), np.float32))
    placed = place(frame, aligned, painted, ColourMatcher("adain"))
    assert placed is not None
    height, width = placed.mask_HW.shape
    under = frame[placed.y_px : placed.y_px + height, placed.x_px : placed.x_px + width]
    difference = np.abs(placed.rgb_HWC.astype(int) - under)
    assert difference.mean() < 3  # Only the resampling of the hard-edged test pattern is left.
    assert (difference[placed.mask_HW == 0] == 0).all()


def test_fine_detail_shows_well_inside_the_face_and_nowhere_else() -> None:
    frame, aligned = frame_with_face()
    rgb, alpha = np.full((SIDE, SIDE, 3), 130, np.uint8), np.ones((SIDE, SIDE), np.float32)
    lines = np.tile(np.array([0.5, -0.5], np.float32), (2 * SIDE, SIDE))
    plain, fine, none = (
        place(frame, aligned, Painted(rgb, alpha, detail), ColourMatcher("none"), share)
        for detail, share in ((None, 1.0), (lines, 1.0), (lines, 0.0))
    )
    assert plain is not None
    assert fine is not None
    assert none is not None
    assert np.array_equal(plain.rgb_HWC, none.rgb_HWC)
    assert np.array_equal(plain.mask_HW, fine.mask_HW)
    changed = np.abs(fine.rgb_HWC.astype(int) - plain.rgb_HWC).max(axis=2)
    assert changed[plain.mask_HW > 0.9].mean() > 15
    assert changed[plain.mask_HW < 0.5].max() <= 0.2 * changed.max()
    assert (changed[plain.mask_HW == 0] == 0).all()


def test_a_larger_picture_lies_where_the_small_one_did() -> None:
    frame, aligned = frame_with_face()
    ramp = np.linspace(40, 220, SIDE)[None, :, None] + np.linspace(-30, 30, SIDE)[:, None, None]
    rgb = np.broadcast_to(ramp, (SIDE, SIDE, 3)).astype(np.uint8)
    alpha, still = np.ones((SIDE, SIDE), np.float32), np.zeros((2 * SIDE, 2 * SIDE), np.float32)
    small, large = (
        place(frame, aligned, Painted(rgb, alpha, detail), ColourMatcher("none"))
        for detail in (None, still)
    )
    assert small is not None
    assert large is not None
    difference = small.rgb_HWC.astype(int) - large.rgb_HWC
    assert np.abs(difference).max() <= 2
    assert abs(difference[small.mask_HW > 0.5].mean()) < 0.2


def test_nothing_outside_the_hull_changes_and_the_edge_is_soft() -> None:
    _, aligned = frame_with_face()
    mask = soft_mask(aligned, np.ones((SIDE, SIDE), np.float32))
    assert mask[0].max() == mask[-1].max() == mask[:, 0].max() == mask[:, -1].max() == 0
    assert mask[SIDE // 2, SIDE // 2] > 0.999
    assert np.abs(np.diff(mask, axis=0)).max() < 0.35
    assert np.abs(np.diff(mask, axis=1)).max() < 0.35


def test_the_model_s_own_mask_is_respected() -> None:
    _, aligned = frame_with_face()
    alpha = np.ones((SIDE, SIDE), np.float32)
    alpha[40:50, 40:50] = 0
    assert soft_mask(aligned, alpha)[45, 45] == 0


def test_a_face_beyond_the_border_is_cut_off() -> None:
    frame, aligned = frame_with_face()
    moved = Aligned(
        aligned.crop_HWC, Similarity(1, 0, 40, 30).then(aligned.frame_to_crop), aligned.mesh_4683
    )
    painted = Painted(np.full((SIDE, SIDE, 3), 200, np.uint8), np.ones((SIDE, SIDE), np.float32))
    placed = place(frame, moved, painted, ColourMatcher("none"))
    assert placed is not None
    height, width = placed.mask_HW.shape
    assert min(placed.x_px, placed.y_px) >= 0
    assert placed.x_px + width <= frame.shape[1]
    assert placed.y_px + height <= frame.shape[0]


def test_blend_mixes_by_the_mask() -> None:
    over, under = np.full((2, 3, 3), 200, np.uint8), np.full((2, 3, 3), 100, np.uint8)
    mask = np.array([[0, 0.5, 1], [0, 0.5, 1]], np.float32)
    assert blend(over, under, mask)[0, :, 0].tolist() == [100, 150, 200]


def test_skin_region_leaves_out_eyes_and_mouth() -> None:
    _, aligned = frame_with_face()
    region = skin_region(aligned)
    eye, mouth = aligned.mesh_4683[159].astype(int), aligned.mesh_4683[13].astype(int)
    assert region[eye[1], eye[0]] == 0
    assert region[mouth[1], mouth[0]] == 0
    assert region[SIDE // 2, SIDE // 2] == 1


def test_heat_is_dark_without_a_mask() -> None:
    under = np.full((4, 4, 3), 100, np.uint8)
    assert heat(np.zeros((4, 4), np.float32), under).max() == 50
