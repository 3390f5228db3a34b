"""A clip held in memory with the largest face of every frame."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceloom.faces.eyes import EyeReader
from faceloom.faces.face import Mesh
from faceloom.faces.find import FullRangeDetector, MeshLandmarker
from faceloom.faces.track import FaceTracker
from faceloom.image import RGB
from faceloom.video import read_frames


@dataclass(frozen=True)
class ClipFaces:
    """The largest face of every frame of a clip, None where there is none."""

    frames: list[RGB]
    meshes: list[Mesh | None]
    eyes: NDArray[np.float32]
    """Eye opening of each frame (`EyeReader`); nan where there is no face."""
    gaze_T2_deg: NDArray[np.float32]
    """Gaze of each frame, yaw and pitch; nan where there is no face."""


def read_clip_faces(path: Path) -> ClipFaces:
    """Track the largest face through a clip held in memory."""
    tracker, reader = FaceTracker(FullRangeDetector(), MeshLandmarker()), EyeReader()
    frames, meshes, eyes = [], [], []
    for frame in read_frames(path):
        frames.append(frame.rgb)
        found = tracker.update(frame.rgb)
        mesh = found[0].face.mesh_4683 if found else None
        meshes.append(mesh)
        look = reader.look(frame.rgb, mesh) if mesh is not None else None
        seen = (look.opening, look.gaze_yaw_deg, look.gaze_pitch_deg) if look else (np.nan,) * 3
        eyes.append(seen)
    read = np.array(eyes, np.float32).reshape(-1, 3)
    return ClipFaces(frames, meshes, read[:, 0], read[:, 1:])
