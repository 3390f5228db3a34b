"""What a picture of a synthetic person is made of, as plain values; every other module of `synth`
makes or reads these.

Convention: lengths are decimetres (the head mesh's own unit). x points to the person's left (the
picture's right), y up, z out of the face towards the camera; the head at rest looks along +z with
its eyes near (0, 7.28, 1.3). Colours are linear RGB, Rec. 709 primaries, 1 is diffuse white.
Directions are unit vectors towards where the light comes from. Turns follow the right hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from faceloom.image import RGB, Mask

Floats = NDArray[np.float64]
Floats32 = NDArray[np.float32]
Indices = NDArray[np.int32]
Vector = tuple[float, float, float]


class Label(IntEnum):
    """What a pixel shows: the values of a segmentation."""

    BACKGROUND = 0
    FACE = 1
    BROW = 2
    EYE = 3
    LASH = 4
    MOUTH = 5
    """Teeth, tongue and the inside of the mouth; lips are face."""
    HAIR = 6
    SKIN = 7
    """Skin that is not the inner face: ears, neck, scalp."""
    CLOTH = 8
    BEARD = 9
    GLASSES = 10
    OCCLUDER = 11


INNER_FACE = frozenset({Label.FACE, Label.BROW, Label.EYE, Label.LASH, Label.MOUTH, Label.BEARD})
"""What a face swap replaces."""


# -- what moves -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class HeadPose:
    """The head against the shoulders: turned by yaw, then pitch, then roll about its own axes."""

    yaw_deg: float = 0.0
    """About y: positive turns the face to the picture's right."""
    pitch_deg: float = 0.0
    """About x: positive lowers the face."""
    roll_deg: float = 0.0
    """About z: positive tips the head to the picture's left."""
    shift_dm: Vector = (0.0, 0.0, 0.0)

    @property
    def rotation_33(self) -> Floats:
        """Head to world."""
        yaw, pitch, roll = np.radians([self.yaw_deg, self.pitch_deg, self.roll_deg])
        about_y = [[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]]
        about_x = [[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]]
        about_z = [[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]]
        return np.array(about_y) @ np.array(about_x) @ np.array(about_z)


@dataclass(frozen=True)
class FaceState:
    """One moment of a motion; a motion is a list of them, one a frame."""

    expression: Mapping[str, float] = field(default_factory=dict)
    """ARKit's face units by name (`jawOpen`, `eyeBlinkLeft` ...), 0 to 1; absent is 0."""
    pose: HeadPose = HeadPose()
    gaze_deg: tuple[float, float] = (0.0, 0.0)
    """Yaw and pitch of both eyes in the head, signs as in `HeadPose`."""


# -- what is seen, and by what --------------------------------------------------------------------


@dataclass(frozen=True)
class Camera:
    """A pinhole; `fov_deg` spans the picture's height (pictures are square)."""

    position_dm: Vector = (0.0, 7.35, 8.8)
    look_at_dm: Vector = (0.0, 7.3, 0.6)
    fov_deg: float = 25.0

    @property
    def rotation_33(self) -> Floats:
        """World to camera; the camera looks along its -z."""
        back = np.subtract(self.position_dm, self.look_at_dm)
        back = back / np.linalg.norm(back)
        right = np.cross([0.0, 1.0, 0.0], back)
        right = right / np.linalg.norm(right)
        return np.stack([right, np.cross(back, right), back])

    @property
    def focal(self) -> float:
        """Focal length over the picture's height."""
        return float(0.5 / np.tan(np.radians(self.fov_deg) / 2))

    def to_camera(self, points_N3: Floats) -> Floats:
        """World points in the camera's frame, (..., 3)."""
        return (points_N3 - np.asarray(self.position_dm)) @ self.rotation_33.T

    def project(self, points_N3: Floats, size_px: int) -> Floats:
        """(..., 3): x and y in pixels (edges at 0 and size, a pixel's centre at .5), 1 / depth."""
        seen = self.to_camera(points_N3)
        depth = -seen[..., 2]
        scale = self.focal * size_px / depth
        half = size_px / 2
        return np.stack([half + scale * seen[..., 0], half - scale * seen[..., 1], 1 / depth], -1)


@dataclass(frozen=True)
class Lamp:
    """A soft source that shows in reflections (a window, a lamp): colour * exp(k (cos - 1))."""

    direction: Vector
    colour: Vector
    sharpness: float = 40.0


@dataclass(frozen=True)
class Light:
    """A light rig: one key with soft shadows, an environment of three tones, lamps."""

    name: str
    key_direction: Vector
    key_colour: Vector
    sky: Vector
    horizon: Vector
    ground: Vector
    key_softness: float = 0.5
    """0 hard shadow edges, 1 those of a large softbox."""
    lamps: tuple[Lamp, ...] = ()
    exposure: float = 1.0
    """Factor on everything rendered (the background is not lit by this light)."""


@dataclass(frozen=True)
class Solid:
    """Something in front of the person, in world coordinates: a hand, a microphone."""

    name: str
    vertices_V3: Floats
    triangles_T3: Indices
    albedo: Vector
    gloss: float = 0.2
    """0 matt, 1 polished."""


@dataclass(frozen=True)
class Sensor:
    """From light to bytes. Compression is the video encoder's."""

    gains: Vector = (1.0, 1.0, 1.0)
    """White balance and exposure, on linear values."""
    noise: float = 0.006
    """Standard deviation on coded values in [0, 1]."""
    shutter: float = 0.0
    """Share of the time to the next frame in which the shutter is open: motion blur."""
    softness_px: float = 0.0
    """Gaussian of the lens, in pixels of the finished picture."""


@dataclass(frozen=True)
class Shot:
    """All that fixes one picture but the person."""

    state: FaceState
    camera: Camera
    light: Light
    background_HWC: Floats32
    """Linear RGB, any square size."""
    sensor: Sensor = Sensor()
    next_state: FaceState | None = None
    """Where the motion goes, for its blur."""
    solids: tuple[Solid, ...] = ()
    next_solids: tuple[Solid, ...] = ()
    """The same solids a frame later, for their blur."""
    seed: int = 0
    """Of the sensor's noise: the same seed, the same bytes."""


# -- who is seen ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Strands:
    """Hair that stands on its own: polylines in head coordinates at rest."""

    points_NK3: Floats
    width_N_dm: Floats32
    colour_N3: Floats32
    variation_N: Floats32
    """0 to 1, a strand's own brightness."""
    sway_NK: Floats32
    """How far a point lags behind and falls when the head moves, 0 (root) to 1."""


@dataclass(frozen=True)
class AttachedStrands:
    """Brows, lashes, beard: points that follow the skin, each a mix of four mesh vertices."""

    vertices_NK4: NDArray[np.int64]
    weights_NK4: Floats
    lift_NK_dm: Floats
    """Above the skin, along its normal."""
    width_N_dm: Floats32
    colour_N3: Floats32
    variation_N: Floats32
    label_N: NDArray[np.uint8]
    """`Label.BROW`, `LASH` or `BEARD`."""


@dataclass(frozen=True)
class Eyes:
    """Both eyes' looks; places and sizes come from the mesh."""

    inner: Vector
    """Iris colour at the pupil."""
    outer: Vector
    iris_radius: float = 0.46
    """Over the eyeball's radius."""
    pupil_radius: float = 0.17
    redness: float = 0.3
    seed: int = 0


@dataclass(frozen=True)
class Cloth:
    """A shirt: two colours woven by waves along y and x, in radians a decimetre."""

    colour: Vector
    second: Vector
    wave_y: float = 0.0
    wave_x: float = 0.0
    share: float = 1.0
    """Threshold of the wave; 1 and above leaves one colour."""


@dataclass(frozen=True)
class Glasses:
    """A frame of two rims and temples, following the head."""

    kind: str
    """round, square or half-rim."""
    colour: Vector
    glare: float = 0.3
    """How much of the environment the lenses mirror, 0 to 1."""


@dataclass(frozen=True, eq=False)
class Person:
    """A head ready to be rendered. Texture maps are on the head's own chart, (H, W, 4) float32."""

    name: str
    vertices_V3: Floats
    """The neutral face on the head's base mesh."""
    albedo_HW4: Floats32
    """Linear RGB, and the strength of the specular lobe."""
    bump_HW4: Floats32
    """Gradient of the skin's fine relief in rest coordinates (x, y, z), and one channel spare."""
    neck_skin: Vector
    eyes: Eyes
    teeth: Vector
    oil: float
    """Factor on the skin's gloss."""
    cloth: Cloth
    attached: AttachedStrands
    hair: Strands | None
    glasses: Glasses | None
    occlusion_R: Floats32
    """Fine ambient occlusion of the render vertices (then both eyes' ones), 0 to 1."""
    traits: Mapping[str, object] = field(default_factory=dict)
    """What the person was drawn from, for the record; of a swap, those of both."""


# -- what comes out -------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Rendered:
    """A picture and everything known about it. Pixel coordinates are those of the picture; masks
    are coverages in [0, 1] with hair and occluders taken off."""

    rgb_HWC: RGB
    face_mask_HW: Mask
    """The inner face (`INNER_FACE`)."""
    labels_HW: NDArray[np.uint8]
    """A `Label` a pixel."""
    vertices_V3: Floats
    """The posed base mesh, world coordinates."""
    depth_HW: Floats32
    """Distance along the camera's axis at supersampled resolution, inf where nothing is."""
    eye_centres_23: Floats
    """The person's right and left eyeball, world coordinates."""
