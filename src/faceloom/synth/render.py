"""The renderer: a person and a shot to a picture, with everything known about each pixel.

One pass draws triangles and strands into a supersampled buffer; shading fills albedo, diffuse light
and reflection; the diffuse light of skin is blurred a little, as light that enters skin leaves it
beside (d'Eon & Luebke 2007, in screen space after Jimenez et al. 2009); then the lens and sensor.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from faceloom.synth.assets import Head, load_head, vertex_normals
from faceloom.synth.glasses import glasses_mesh, lens_glare
from faceloom.synth.kernels import shade
from faceloom.synth.kernels.project import project
from faceloom.synth.kernels.raster import Target, draw_strands, draw_triangles
from faceloom.synth.kernels.resolve import resolve
from faceloom.synth.lens import blur_of_motion, develop, pixel_motion
from faceloom.synth.lighting import Environment, shadow_map, sky_light
from faceloom.synth.pose import Posed, eyeball, pose_person
from faceloom.synth.scene import (
    INNER_FACE,
    Camera,
    Floats,
    Floats32,
    Indices,
    Label,
    Person,
    Rendered,
    Shot,
    Solid,
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
_HAIR_DM = 0.011
_COARSE_UP_TO_PX = 1024
"""Samples a side up to which a texel of the skin's maps is smaller than two samples."""
_ATTACHED_TOWARDS_VIEWER = 0.004
_MATERIAL_OF_PART = {0: shade.SKIN, 3: shade.UPPER_TEETH, 4: shade.LOWER_TEETH, 5: shade.TONGUE}


@dataclass(frozen=True, eq=False)
class _Mesh:
    """Everything made of triangles, in one list: head, left eye, right eye, glasses, solids."""

    points_N3: Floats
    normals_N3: Floats
    rest_N3: Floats
    uv_N2: Floats32
    neck_N: Floats
    """Height over the collar."""
    face_N: Floats32
    triangles_T3: Indices
    materials_T: NDArray[np.int32]
    solids_T4: Floats
    """Albedo and gloss, of solids and frames."""


@dataclass(frozen=True, eq=False)
class _Prepared:
    """A person as a size can show it."""

    of: Person
    """As given."""
    person: Person
    """With no more hairs than can be told apart."""
    chart_HW8: Floats32
    """Both maps of the skin side by side, no finer than the samples."""


class Renderer:
    """Renders square pictures of `size_px`; each pixel is `supersampling` squared samples."""

    def __init__(self, size_px: int = 256, supersampling: int = 3) -> None:
        self.size_px = size_px
        self.supersampling = supersampling
        self.head = load_head()
        self._prepared: _Prepared | None = None

    def render(self, person: Person, shot: Shot) -> Rendered:
        """The same person and shot give the same bytes."""
        prepared = self._prepare(person)
        person = prepared.person
        posed = pose_person(self.head, person, shot.state)
        mesh = self._mesh(person, posed, shot.solids)
        strands = all_strands(person, posed)
        target, first_strand = self._draw(mesh, strands, shot.camera)
        labels, albedo, diffuse, specular = self._shade(
            prepared, shot, posed, mesh, strands, target, first_strand
        )
        linear, mask = self._resolve(shot, labels, albedo, diffuse, specular)
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

    # -- geometry ---------------------------------------------------------------------------------

    def _mesh(self, person: Person, posed: Posed, solids: tuple[Solid, ...]) -> _Mesh:
        head, ball = self.head, eyeball()
        rows = head.render_vertex_R
        points, normals = [posed.vertices_V3[rows]], [posed.normals_V3[rows]]
        rest, triangles = [head.base_V3[rows]], [head.render_triangles_T3]
        materials = [
            np.array([_MATERIAL_OF_PART[int(p)] for p in range(6) if p in _MATERIAL_OF_PART])[
                np.searchsorted(sorted(_MATERIAL_OF_PART), head.render_part_T)
            ]
        ]
        looks = [np.zeros((len(head.render_triangles_T3), 4))]
        count = len(rows)
        for eye in range(2):
            points.append(posed.eye_points_2E3[eye])
            normals.append(posed.eye_normals_2E3[eye])
            rest.append(ball.directions_E3)
            triangles.append(ball.triangles_T3 + count)
            materials.append(np.full(len(ball.triangles_T3), shade.EYE))
            looks.append(np.zeros((len(ball.triangles_T3), 4)))
            count += len(ball.directions_E3)
        frame = glasses_mesh(self.head, person, posed)
        for solid, material in [(s, shade.FRAME) for s in frame] + [
            (s, shade.SOLID) for s in solids
        ]:
            points.append(solid.vertices_V3)
            normals.append(vertex_normals(solid.vertices_V3, solid.triangles_T3))
            rest.append(solid.vertices_V3)
            triangles.append(solid.triangles_T3 + count)
            materials.append(np.full(len(solid.triangles_T3), material))
            looks.append(np.tile([*solid.albedo, solid.gloss], (len(solid.triangles_T3), 1)))
            count += len(solid.vertices_V3)
        uv = np.full((count, 2), -1, np.float32)
        uv[: len(rows)] = head.uv_R2
        neck, face = np.ones(count), np.zeros(count, np.float32)
        neck[: len(rows)] = head.collar_V[rows]
        # The lips' inner side belongs to the face as much as their outer.
        face[: len(rows)] = np.maximum(head.masks_R["face"], head.masks_R["inside-mouth"])
        return _Mesh(
            np.concatenate(points), np.concatenate(normals), np.concatenate(rest), uv, neck, face,
            np.concatenate(triangles).astype(np.int32), np.concatenate(materials).astype(np.int32),
            np.concatenate(looks),
        )  # fmt: skip

    def _draw(self, mesh: _Mesh, strands: StrandSet, camera: Camera) -> tuple[Target, int]:
        side = self.size_px * self.supersampling
        target = Target.blank(side, side)
        draw_triangles(_seen(camera, mesh.points_N3, side), mesh.triangles_T3, target, first=0)
        first = len(mesh.triangles_T3)
        widths = (strands.width_N_dm * self._px_a_dm(camera)).astype(np.float32)
        seen = _seen(camera, strands.points_NK3, side)
        grown = strands.attached
        draw_strands(seen[:grown], widths[:grown], target, first, _ATTACHED_TOWARDS_VIEWER)
        draw_strands(seen[grown:], widths[grown:], target, first + grown)
        return target, first

    def _px_a_dm(self, camera: Camera) -> float:
        """Samples a decimetre at the face."""
        distance = np.linalg.norm(np.subtract(camera.position_dm, (0.0, 7.2, 1.0)))
        return float(camera.focal * self.size_px * self.supersampling / distance)

    # -- light ------------------------------------------------------------------------------------

    def _shade(
        self, prepared: _Prepared, shot: Shot, posed: Posed, mesh: _Mesh, strands: StrandSet,
        target: Target, first_strand: int,
    ) -> tuple[NDArray[np.uint8], Floats32, Floats32, Floats32]:  # fmt: skip
        person = prepared.person
        environment = Environment.of(shot.light)
        hair = posed.hair_NK3
        shadows = shadow_map(
            environment, shot.light.key_softness, mesh.points_N3, mesh.triangles_T3, hair, _HAIR_DM
        )
        tufts = hair[::6, ::2].reshape(-1, 3) if hair is not None else np.zeros((0, 3))
        sky_N3, open_N = sky_light(
            environment, mesh.points_N3, mesh.normals_N3, mesh.triangles_T3, tufts
        )
        self._occlude(person, shot, mesh, environment, sky_N3, open_N)
        side = self.size_px * self.supersampling
        albedo, diffuse, specular = (np.zeros((side, side, 3), np.float32) for _ in range(3))
        labels = np.full((side, side), int(Label.BACKGROUND), np.uint8)
        viewer = np.asarray(shot.camera.position_dm, np.float64)
        lit = (shadows.depth_HW, shadows.projection_34, shadows.step, environment.key_direction,
               environment.key_colour)  # fmt: skip
        eyes, cloth = person.eyes, person.cloth
        shade.shade_triangles(
            target.index_HW, target.weights_HW2, target.nearness_HW, self.supersampling,
            mesh.triangles_T3, mesh.materials_T,
            mesh.solids_T4, mesh.points_N3, mesh.normals_N3, mesh.rest_N3, mesh.uv_N2, mesh.neck_N,
            mesh.face_N, sky_N3, open_N, posed.rotation_33, viewer, prepared.chart_HW8,
            np.asarray(person.neck_skin),
            np.array([*eyes.inner, *eyes.outer, eyes.iris_radius, eyes.pupil_radius, eyes.redness]),
            np.asarray(person.teeth),
            np.array([*cloth.colour, *cloth.second, cloth.wave_y, cloth.wave_x, cloth.share]),
            float(person.oil), eyes.seed, *lit, environment.tones_33,
            environment.lamp_directions_L3, environment.lamp_colours_L3,
            environment.lamp_sharpness_L, albedo, diffuse, specular, labels,
        )  # fmt: skip
        shade.shade_strands(
            target.index_HW, target.weights_HW2, first_strand, strands.points_NK3,
            strands.colour_N3, strands.variation_N, strands.label_N,
            self._strand_sky(person, environment, strands, sky_N3), viewer, *lit, albedo, diffuse,
            specular, labels,
        )  # fmt: skip
        self._scatter(labels, diffuse, shot.camera)
        return labels, albedo, diffuse, specular

    def _prepare(self, person: Person) -> _Prepared:
        """What of a person this size can show; kept for the next frame."""
        if self._prepared is None or self._prepared.of is not person:
            side = self.size_px * self.supersampling
            maps = np.concatenate([person.albedo_HW4, person.bump_HW4], axis=2)
            if side <= _COARSE_UP_TO_PX:
                maps = np.ascontiguousarray(
                    0.25 * (maps[::2, ::2] + maps[1::2, ::2] + maps[::2, 1::2] + maps[1::2, 1::2])
                )
            self._prepared = _Prepared(person, with_fewer_hairs(person, side), maps)
        return self._prepared

    def _occlude(
        self, person: Person, shot: Shot, mesh: _Mesh, environment: Environment, sky_N3: Floats,
        open_N: Floats,
    ) -> None:  # fmt: skip
        """Darken what the coarse sky map cannot see: creases, nostrils, the mouth. In place."""
        fine = person.occlusion_R.astype(np.float64)
        count = len(fine)
        open_N[:count] *= fine
        sky_N3[:count] *= (fine**0.65)[:, None]
        mean = environment.towards(_AROUND, 0.15).mean(axis=0)
        expression = shot.state.expression
        smile = expression.get("mouthSmileLeft", 0.0)
        opening = min(1.0, 0.35 + 1.2 * expression.get("jawOpen", 0.0) + 0.4 * smile)
        in_mouth = np.unique(
            mesh.triangles_T3[
                (mesh.materials_T >= shade.UPPER_TEETH) & (mesh.materials_T <= shade.TONGUE)
            ]
        )
        sky_N3[in_mouth] = np.maximum(sky_N3[in_mouth], 0.42 * mean * opening)
        in_eyes = np.unique(mesh.triangles_T3[mesh.materials_T == shade.EYE])
        sky_N3[in_eyes] = np.maximum(sky_N3[in_eyes], 0.28 * mean)

    def _strand_sky(
        self, person: Person, environment: Environment, strands: StrandSet, sky_N3: Floats
    ) -> Floats:
        """Ambient light of each strand: the skin's where it grows on the face, else by the way it
        faces."""
        rows = self.head.render_vertex_R
        by_vertex_V3 = np.zeros((len(self.head.base_V3), 3))
        by_vertex_V3[rows] = sky_N3[: len(rows)]
        roots = person.attached.vertices_NK4[:, 0, :3]
        out = np.empty((len(strands.points_NK3), 3))
        out[: strands.attached] = by_vertex_V3[roots].mean(axis=1)
        middle = strands.points_NK3[strands.attached :, strands.points_NK3.shape[1] // 2]
        outwards = middle - (0.0, 7.3, 0.3)
        outwards /= np.linalg.norm(outwards, axis=1, keepdims=True) + 1e-9
        out[strands.attached :] = 0.8 * environment.towards(outwards, 0.6)
        return out

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
            light = diffuse[part][..., channel]
            blurred = cv2.GaussianBlur(light * weight, (0, 0), sigma)
            blurred /= np.maximum(cv2.GaussianBlur(weight, (0, 0), sigma), 1e-4)
            np.copyto(light, blurred, where=skin[part])

    def _resolve(
        self, shot: Shot, labels: NDArray[np.uint8], albedo: Floats32, diffuse: Floats32,
        specular: Floats32,
    ) -> tuple[Floats32, Floats32]:  # fmt: skip
        """Linear RGB and coverage of the inner face, at the picture's size."""
        size = (self.size_px, self.size_px)
        background = cv2.resize(shot.background_HWC, size, interpolation=cv2.INTER_AREA)
        return resolve(
            albedo, diffuse, specular, labels, np.asarray(background, np.float32),
            np.float32(shot.light.exposure), _IS_INNER,
        )  # fmt: skip

    def _motion(
        self, person: Person, shot: Shot, posed: Posed, mesh: _Mesh, target: Target
    ) -> Floats32:
        """Each pixel's way to the next frame, in pixels, (H, W, 2)."""
        assert shot.next_state is not None
        later = pose_person(self.head, with_thin_hair(person), shot.next_state)
        later_mesh = self._mesh(person, later, shot.next_solids or shot.solids)

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


def _seen(camera: Camera, points: Floats, side_px: int) -> Floats32:
    """As `Camera.project`, fast and in float32, for points (..., 3)."""
    flat = np.ascontiguousarray(points).reshape(-1, 3)
    position = np.asarray(camera.position_dm, np.float64)
    found = project(flat, camera.rotation_33, position, camera.focal * side_px, side_px / 2)
    return np.asarray(found).reshape(points.shape)


__all__ = ["Head", "Renderer"]
