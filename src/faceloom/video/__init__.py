"""Video in and out with exact time: clips and image folders, read, changed in place, written.

Everything stays in the clip's own YUV samples; only the rectangle that is pasted into is ever
converted, so that all other pixels reach the encoder bit by bit as the decoder gave them.
"""

from faceloom.video.frame import Frame
from faceloom.video.info import VideoInfo, find_clips, probe
from faceloom.video.prefetch import prefetch
from faceloom.video.reader import ReadReport, read_frames
from faceloom.video.writer import VideoWriter, read_metadata

__all__ = [
    "Frame",
    "ReadReport",
    "VideoInfo",
    "VideoWriter",
    "find_clips",
    "prefetch",
    "probe",
    "read_frames",
    "read_metadata",
]
