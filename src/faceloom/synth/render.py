"""The renderer: a person and a shot to a picture, with everything known about each pixel.

One pass draws triangles and strands into a supersampled buffer; shading fills albedo, diffuse light
and reflection; the diffuse light of skin is blurred a little, as light that enters skin leaves it
beside (d'Eon & Luebke 2007, in screen space after Jimenez et al. 2009); then the lens and sensor.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from faceloom.synth.assets import Head, load_head
from faceloom.synth.glasses import lens_glare
from faceloom.synth.kernels import fibres, shade
from faceloom.synth.kernels.project import project
from faceloom.synth.kernels.raster import Target, draw_strands, draw_triangles
from faceloom.synth.kernels.resolve import resolve
from faceloom.synth.lens import blur_of_motion, develop, pixel_motion
from faceloom.synth.lighting import Environment, ShadowMap, shadow_map, sky_light
from faceloom.synth.mesh import Mesh, facing_points, fixed_part, make_mesh
from faceloom.synth.pose import Posed, pose_person
from faceloom.synth.scene import (
    INNER_FACE,
    Camera,
    Floats,
    Floats32,
    Label,
    Person,
    Rendered,
    Shot,
)
from faceloom.synth.strand_set import (
    StrandSet,
    all_strands,
    middles,
    with_fewer_hairs,
    with_thin_hair,
)

_SCATTER_DM = (0.009, 0.004, 0.0025)
"""Standard deviation of the light's way through skin: red, green, blue."""
_LEAST_SCATTER = 1.0
"""Samples; what spreads less is not seen."""
_HAIR_DM = 0.011
_CHART_STEPS = ((300, 4), (640, 2))
"""Up to these sizes of a picture, so many texels of the skin's maps a side are merged into one: it
is still smaller than a pixel where the face fills the picture."""
_ATTACHED_TOWARDS_VIEWER = 0.004


@dataclass(frozen=True, eq=False)
class _Prepared:
    """A person as a size can show it."""

    of: Person
    """As given."""
    person: Person
    """With no more hairs than can be told apart."""
    chart_HW8: Floats32
    """Both maps of the skin side by side, no finer than the samples."""
    root_rows_R: NDArray[np.bool_]
    """Render vertices from which strands grow on the face."""


@dataclass(frozen=True, eq=False)
class _Layers:
    """What is known of each sample; kept from frame to frame, as memory is slow to get."""

    target: Target
    labels_HW: NDArray[np.uint8]
    albedo_HW3: Floats32
    diffuse_HW3: Floats32
    specular_HW3: Floats32

    @classmethod
    def blank(cls, side: int) -> _Layers:
        colours = [np.zeros((side, side, 3), np.float32) for _ in range(3)]
        return cls(Target.blank(side, side), np.zeros((side, side), np.uint8), *colours)

    def clear(self) -> None:
        """Forget the frame before: colours count only where there is a label."""
        self.target.clear()
        self.labels_HW.fill(int(Label.BACKGROUND))


@dataclass(frozen=True, eq=False)
class _Scene:
    """A shot's geometry, and the key light's."""

    shot: Shot
    posed: Posed
    mesh: Mesh
    strands: list[StrandSet]
    environment: Environment
    viewer: Floats


class Renderer:
    """Renders square pictures of `size_px`; each pixel is `supersampling` squared samples."""

    def __init__(self, size_px: int = 256, supersampling: int = 3) -> None:
        self.size_px = size_px
        self.supersampling = supersampling
        self.head = load_head()
        self._prepared: _Prepared | None = None
        self._layers: _Layers | None = None

    def render(self, person: Person, shot: Shot) -> Rendered:
        """The same person and shot give the same bytes."""
        prepared = self._prepare(person)
        person = prepared.person
        posed = pose_person(self.head, person, shot.state)
        mesh = make_mesh(self.head, person, posed, shot.solids)
        scene = _Scene(
            shot, posed, mesh, all_strands(person, posed), Environment.of(shot.light),
            np.asarray(shot.camera.position_dm, np.float64),
        )  # fmt: skip
        if self._layers is None:
            self._layers = _Layers.blank(self.size_px * self.supersampling)
        layers = self._layers
        layers.clear()
        seen_N3 = self._draw(scene, layers.target)
        self._shade(prepared, scene, seen_N3, layers)
        linear, mask = self._resolve(shot, layers)
        target, labels = layers.target, layers.labels_HW
        linear += lens_glare(
            person, posed, shot, self.size_px, target.nearness_HW, self.supersampling
        )
        if shot.sensor.shutter > 0 and shot.next_state is not None:
            motion = self._motion(person, shot, posed, mesh, target)
            linear = blur_of_motion(linear, motion, shot.sensor.shutter)
            mask = blur_of_motion(mask, motion, shot.sensor.shutter)
        offset = self.supersampling // 2
        step = slice(offset, None, self.supersampling)
        with np.errstate(divide="ignore"):
            depth = (1.0 / target.nearness_HW).astype(np.float32)
        return Rendered(
            develop(linear, shot.sensor, shot.seed),
            np.clip(mask, 0, 1).astype(np.float32),
            np.ascontiguousarray(labels[step, step]),
            posed.vertices_V3,
            depth,
            posed.eye_centres_23[::-1].copy(),
        )

    def _prepare(self, person: Person) -> _Prepared:
        """What of a person this size can show; kept for the next frame."""
        if self._prepared is None or self._prepared.of is not person:
            maps = [person.albedo_HW4, person.bump_HW4]
            for up_to_px, step in _CHART_STEPS:
                if self.size_px <= up_to_px:
                    size = tuple(max(1, side // step) for side in maps[0].shape[1::-1])
                    maps = [
                        np.asarray(cv2.resize(one, size, interpolation=cv2.INTER_AREA), np.float32)
                        for one in maps
                    ]
                    break
            roots_V = np.zeros(len(self.head.base_V3), bool)
            roots_V[person.attached.vertices_NK4[:, 0, :3]] = True
            self._prepared = _Prepared(
                person,
                with_fewer_hairs(person, self.size_px * self.supersampling),
                np.concatenate(maps, axis=2, dtype=np.float32),
                roots_V[self.head.render_vertex_R],
            )
        return self._prepared

    def _draw(self, scene: _Scene, target: Target) -> Floats32:
        """Draw everything; gives the mesh's points as the camera sees them, (N, 3)."""
        camera, mesh = scene.shot.camera, scene.mesh
        side = self.size_px * self.supersampling
        points_N3 = _seen(camera, mesh.points_N3, side)
        draw_triangles(points_N3, mesh.triangles_T3, target, first=0, one_sided=mesh.closed)
        for first, strands in _numbered(scene):
            widths = (strands.width_N_dm * self._px_a_dm(camera)).astype(np.float32)
            nearer = 0.0 if strands.is_hair else _ATTACHED_TOWARDS_VIEWER
            draw_strands(_seen(camera, strands.points_NK3, side), widths, target, first, nearer)
        return points_N3

    def _px_a_dm(self, camera: Camera) -> float:
        """Samples a decimetre at the face."""
        distance = np.linalg.norm(np.subtract(camera.position_dm, (0.0, 7.2, 1.0)))
        return float(camera.focal * self.size_px * self.supersampling / distance)

    # -- light ------------------------------------------------------------------------------------

    def _shade(
        self, prepared: _Prepared, scene: _Scene, seen_N3: Floats32, layers: _Layers
    ) -> None:
        shot, mesh, hair = scene.shot, scene.mesh, scene.posed.hair_NK3
        wanted = facing_points(mesh, seen_N3)
        wanted[: len(prepared.root_rows_R)] |= prepared.root_rows_R
        tufts = hair[::6, ::2].reshape(-1, 3) if hair is not None else np.zeros((0, 3))
        sky_N3, open_N = sky_light(
            scene.environment, mesh.points_N3, mesh.normals_N3, np.nonzero(wanted)[0],
            mesh.blocking_T3, mesh.blocking_closed, tufts,
        )  # fmt: skip
        self._occlude(prepared.person, scene, sky_N3, open_N)
        shadows = shadow_map(
            scene.environment, shot.light.key_softness, mesh.points_N3, mesh.blocking_T3,
            mesh.blocking_closed, hair, _HAIR_DM,
        )  # fmt: skip
        self._shade_triangles(prepared, scene, sky_N3, open_N, shadows, layers)
        self._shade_strands(prepared.person, scene, sky_N3, shadows, layers)
        self._scatter(layers.labels_HW, layers.diffuse_HW3, shot.camera)

    def _shade_triangles(
        self, prepared: _Prepared, scene: _Scene, sky_N3: Floats, open_N: Floats,
        shadows: ShadowMap, layers: _Layers,
    ) -> None:  # fmt: skip
        mesh, environment, target = scene.mesh, scene.environment, layers.target
        person = prepared.person
        eyes, cloth = person.eyes, person.cloth
        shade.shade_triangles(
            target.index_HW, target.weights_HW2, target.nearness_HW, self.supersampling,
            mesh.triangles_T3, mesh.materials_T, mesh.kinds_T, mesh.solids_T4, mesh.points_N3,
            mesh.normals_N3, mesh.rest_N3, mesh.uv_N2, mesh.neck_N, mesh.face_N, sky_N3, open_N,
            scene.posed.rotation_33, scene.viewer, prepared.chart_HW8,
            np.asarray(person.neck_skin),
            np.array([*eyes.inner, *eyes.outer, eyes.iris_radius, eyes.pupil_radius, eyes.redness]),
            np.asarray(person.teeth),
            np.array([*cloth.colour, *cloth.second, cloth.wave_y, cloth.wave_x, cloth.share]),
            float(person.oil), eyes.seed, shadows.depth_HW, shadows.projection_34, shadows.step,
            environment.key_direction, environment.key_colour, environment.tones_33,
            environment.lamp_directions_L3, environment.lamp_colours_L3,
            environment.lamp_sharpness_L, layers.albedo_HW3, layers.diffuse_HW3,
            layers.specular_HW3, layers.labels_HW,
        )  # fmt: skip

    def _shade_strands(
        self, person: Person, scene: _Scene, sky_N3: Floats, shadows: ShadowMap, layers: _Layers
    ) -> None:
        target, environment = layers.target, scene.environment
        for first, strands in _numbered(scene):
            shown_N = fibres.shown(target.index_HW, first, len(strands.points_NK3))
            lights = fibres.light_joints(
                strands.points_NK3, shown_N, scene.viewer, shadows.depth_HW, shadows.projection_34,
                shadows.step, environment.key_direction,
            )  # fmt: skip
            fibres.paint_strands(
                target.index_HW, target.weights_HW2, first, lights, strands.colour_N3,
                strands.variation_N, strands.label_N, strands.is_hair,
                self._strand_sky(person, environment, strands, sky_N3), environment.key_colour,
                layers.albedo_HW3, layers.diffuse_HW3, layers.specular_HW3, layers.labels_HW,
            )  # fmt: skip

    def _occlude(self, person: Person, scene: _Scene, sky_N3: Floats, open_N: Floats) -> None:
        """Darken what the coarse sky map cannot see: creases, nostrils, the mouth. In place."""
        fine = person.occlusion_R.astype(np.float64)
        count = len(fine)
        open_N[:count] *= fine
        sky_N3[:count] *= (fine**0.65)[:, None]
        mean = scene.environment.towards(_AROUND, 0.15).mean(axis=0)
        expression = scene.shot.state.expression
        smile = expression.get("mouthSmileLeft", 0.0)
        opening = min(1.0, 0.35 + 1.2 * expression.get("jawOpen", 0.0) + 0.4 * smile)
        fixed = fixed_part()
        sky_N3[fixed.mouth_N] = np.maximum(sky_N3[fixed.mouth_N], 0.42 * mean * opening)
        sky_N3[fixed.eyes_N] = np.maximum(sky_N3[fixed.eyes_N], 0.28 * mean)

    def _strand_sky(
        self, person: Person, environment: Environment, strands: StrandSet, sky_N3: Floats
    ) -> Floats:
        """Ambient light of each strand: the skin's where it grows on the face, else by the way it
        faces."""
        if strands.is_hair:
            outwards = strands.points_NK3[:, strands.points_NK3.shape[1] // 2] - (0.0, 7.3, 0.3)
            outwards /= np.linalg.norm(outwards, axis=1, keepdims=True) + 1e-9
            return 0.8 * environment.towards(outwards, 0.6)
        rows = self.head.render_vertex_R
        by_vertex_V3 = np.zeros((len(self.head.base_V3), 3))
        by_vertex_V3[rows] = sky_N3[: len(rows)]
        first, second, third = person.attached.vertices_NK4[:, 0, :3].T
        return np.asarray(by_vertex_V3[first] + by_vertex_V3[second] + by_vertex_V3[third]) / 3

    def _scatter(self, labels: NDArray[np.uint8], diffuse: Floats32, camera: Camera) -> None:
        """Blur the diffuse light within skin, in place."""
        skin = (labels == Label.FACE) | (labels == Label.SKIN)
        rows, columns = np.nonzero(skin.any(axis=1))[0], np.nonzero(skin.any(axis=0))[0]
        if not len(rows):
            return
        part = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
        weight = skin[part].astype(np.float32)
        scale = self._px_a_dm(camera)
        for channel, spread_dm in enumerate(_SCATTER_DM):
            sigma = spread_dm * scale
            if sigma < _LEAST_SCATTER:
                continue
            light = diffuse[part][..., channel]
            taps = (2 * round(3 * sigma) + 1,) * 2
            blurred = cv2.GaussianBlur(light * weight, taps, sigma)
            blurred /= np.maximum(cv2.GaussianBlur(weight, taps, sigma), 1e-4)
            np.copyto(light, blurred, where=skin[part])

    def _resolve(self, shot: Shot, layers: _Layers) -> tuple[Floats32, Floats32]:
        """Linear RGB and coverage of the inner face, at the picture's size."""
        size = (self.size_px, self.size_px)
        background = cv2.resize(shot.background_HWC, size, interpolation=cv2.INTER_AREA)
        return resolve(
            layers.albedo_HW3, layers.diffuse_HW3, layers.specular_HW3, layers.labels_HW,
            np.asarray(background, np.float32), np.float32(shot.light.exposure), _IS_INNER,
        )  # fmt: skip

    def _motion(
        self, person: Person, shot: Shot, posed: Posed, mesh: Mesh, target: Target
    ) -> Floats32:
        """Each pixel's way to the next frame, in pixels, (H, W, 2)."""
        assert shot.next_state is not None
        later = pose_person(self.head, with_thin_hair(person), shot.next_state)
        later_mesh = make_mesh(self.head, person, later, shot.next_solids or shot.solids)

        def move(before_N3: Floats, after_N3: Floats) -> Floats:
            after, before = (
                _seen(shot.camera, points, self.size_px) for points in (after_N3, before_N3)
            )
            return (after - before)[..., :2].astype(np.float64)

        corner = move(mesh.points_N3, later_mesh.points_N3)[mesh.triangles_T3].mean(axis=1)
        swung = move(middles(posed), middles(later))
        return pixel_motion(target.index_HW, np.concatenate([corner, swung]), self.supersampling)


_IS_INNER = np.isin(np.arange(256), [int(label) for label in INNER_FACE]).astype(np.float32)
_AROUND = np.array([[1.0, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]])


def _numbered(scene: _Scene) -> Iterator[tuple[int, StrandSet]]:
    """Each set of strands with the index of its first."""
    first = len(scene.mesh.triangles_T3)
    for strands in scene.strands:
        yield first, strands
        first += len(strands.points_NK3)


def _seen(camera: Camera, points: Floats, side_px: int) -> Floats32:
    """As `Camera.project`, fast and in float32, for points (..., 3)."""
    flat = np.ascontiguousarray(points).reshape(-1, 3)
    position = np.asarray(camera.position_dm, np.float64)
    found = project(flat, camera.rotation_33, position, camera.focal * side_px, side_px / 2)
    return np.asarray(found).reshape(points.shape)


__all__ = ["Head", "Renderer"]
