"""The samples of a decoded frame: its planes, its colours, its orientation, changes in place.

Convention: samples are planar YUV; `rgb` is uint8 (H, W, 3), full range. Colour tags are numbered
as in ISO/IEC 23091-2 (and ffmpeg): matrix 2 and range 0 are unspecified.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import av
import cv2
import numpy as np
from av.sidedata.sidedata import SideDataContainer
from av.video.reformatter import ColorRange, Interpolation
from numpy.typing import NDArray

from faceloom.image import RGB

_BITS = {  # Planar formats that can be changed and turned in place, and the depth of a sample.
    **{f"yuv{j}{sub}p": 8 for j in ("", "j") for sub in ("420", "422", "444")},
    **{f"yuv{sub}p{bits}le": bits for sub in ("420", "422", "444") for bits in (10, 12)},
}
_LUMA_WEIGHTS = {  # Of red and blue, by matrix as swscale numbers them.
    1: (0.2126, 0.0722),  # BT.709
    4: (0.30, 0.11),  # FCC
    5: (0.299, 0.114),  # BT.601
    7: (0.212, 0.087),  # SMPTE 240M
    9: (0.2627, 0.0593),  # BT.2020
}
_MATRICES = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9, 10: 9}
"""swscale's number for each tag that it knows."""
_HD_HEIGHT_PX = 720
_NOISE_LEVELS = 2.0
"""How far an 8-bit sample moves at most by going to RGB and back, while inside RGB's gamut."""

Plane = NDArray[Any]
"""Shape (H, W), uint8, or uint16 where samples are deeper than 8 bits."""


@dataclass(frozen=True)
class Colours:
    """The colour tags of a clip, as its stream says them."""

    matrix: int = 2
    range: int = 0
    primaries: int = 2
    transfer: int = 2

    @classmethod
    def of(cls, samples: av.VideoFrame) -> Colours:
        full = samples.format.name.startswith("yuvj")
        return cls(
            int(samples.colorspace),
            int(ColorRange.JPEG) if full else int(samples.color_range),
            int(samples.color_primaries),
            int(samples.color_trc),
        )

    def swscale_matrix(self, height_px: int) -> int:
        """The matrix to convert by; where the clip says none, by its size, as players do."""
        return _MATRICES.get(self.matrix, 1 if height_px >= _HD_HEIGHT_PX else 5)

    @property
    def swscale_range(self) -> ColorRange:
        return ColorRange.JPEG if self.range == ColorRange.JPEG else ColorRange.MPEG

    def tag(self, samples: av.VideoFrame) -> None:
        samples.colorspace, samples.color_range = self.matrix, self.range
        samples.color_primaries, samples.color_trc = self.primaries, self.transfer


def to_rgb(samples: av.VideoFrame) -> RGB:
    """The picture, by the frame's own matrix and range."""
    colours = Colours.of(samples)
    matrix = colours.swscale_matrix(samples.height)
    picture = samples.reformat(
        format="rgb24",
        src_colorspace=matrix,
        dst_colorspace=matrix,
        src_color_range=colours.swscale_range,
        dst_color_range=ColorRange.JPEG,
        interpolation=Interpolation.BILINEAR,
        threads=1,
    )
    return np.asarray(picture.to_ndarray(), np.uint8)


def from_rgb(rgb: RGB) -> av.VideoFrame:
    """A picture as a frame of rgb24."""
    samples = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
    samples.color_range = ColorRange.JPEG
    return samples


def fitted(
    samples: av.VideoFrame, pixel_format: str, size_px: tuple[int, int], colours: Colours
) -> av.VideoFrame:
    """The samples in this format, size (width, height) and colours; themselves if they fit."""
    if samples.format.name == pixel_format and (samples.width, samples.height) == size_px:
        return samples
    own = Colours.of(samples)
    target = colours.swscale_matrix(size_px[1])
    is_rgb = not samples.format.name.startswith("yuv")
    converted = samples.reformat(
        width=size_px[0],
        height=size_px[1],
        format=pixel_format,
        src_colorspace=target if is_rgb else own.swscale_matrix(samples.height),
        dst_colorspace=target,
        src_color_range=ColorRange.JPEG if is_rgb else own.swscale_range,
        dst_color_range=colours.swscale_range,
        interpolation=Interpolation.BILINEAR,
    )
    colours.tag(converted)
    return converted


def is_changeable(samples: av.VideoFrame) -> bool:
    """Whether `with_patch` can change these samples in place."""
    return samples.format.name in _BITS


def with_patch(
    samples: av.VideoFrame, before_HWC: RGB, after_HWC: RGB, x_px: int, y_px: int
) -> av.VideoFrame:
    """A copy in which one rectangle changed from one picture to another; x and y are even.

    The difference is what is written, so that a pixel which is the same in both keeps its samples
    bit by bit, and no conversion's rounding shows as a square.
    """
    copy = copied(samples)
    before, after = (_to_yuv(rgb, samples) for rgb in (before_HWC, after_HWC))
    noise = _NOISE_LEVELS * 2 ** (_BITS[samples.format.name] - 8)
    for index in range(3):
        old, new = before[..., index], after[..., index]
        x, y = x_px, y_px
        if index:
            shrink_x, shrink_y = _chroma_shrink(samples)
            x, y = x // shrink_x, y // shrink_y
            size = (-(-old.shape[1] // shrink_x), -(-old.shape[0] // shrink_y))
            old, new = (_shrunk(plane, size) for plane in (old, new))
        rectangle = plane_of(copy, index)[y : y + old.shape[0], x : x + old.shape[1]]
        rounding = np.clip(np.subtract(rectangle, old, dtype=np.float32), -noise, noise)
        highest = 2 ** _BITS[samples.format.name] - 1
        result = np.clip(np.rint(new + rounding), 0, highest)
        np.copyto(rectangle, result.astype(rectangle.dtype), where=new != old)
    return copy


def copied(samples: av.VideoFrame) -> av.VideoFrame:
    """A copy of planar samples with their tags."""
    copy = av.VideoFrame(samples.width, samples.height, samples.format.name)
    for index in range(len(samples.planes)):
        np.copyto(plane_of(copy, index), plane_of(samples, index))
    Colours.of(samples).tag(copy)
    return copy


def plane_of(samples: av.VideoFrame, index: int) -> Plane:
    """A view (height, width) of one plane."""
    plane = samples.planes[index]
    sample_type = np.uint8 if _BITS[samples.format.name] == 8 else np.uint16
    rows: Plane = np.frombuffer(memoryview(plane), sample_type).reshape(plane.height, -1)
    return rows[:, : plane.width]


@dataclass(frozen=True)
class Orientation:
    """What a display matrix asks for: first swap x and y, then mirror along either."""

    swapped: bool = False
    mirror_x: bool = False
    mirror_y: bool = False

    @classmethod
    def of(cls, samples: av.VideoFrame) -> Orientation:
        """From the frame's display matrix, rounded to quarter turns."""
        # Not by `samples.side_data`: a frame that keeps its container, which keeps the frame, lives
        # on until the garbage is collected, and a clip's pictures pile up.
        container: Any = SideDataContainer
        data = container(samples).get("DISPLAYMATRIX")
        if data is None:
            return cls()
        # Row vectors: (x, y) is shown at (a x + c y, b x + d y).
        a, b, _, c, d = struct.unpack("=5i", bytes(data)[:20])
        if abs(b) + abs(c) > abs(a) + abs(d):
            return cls(True, c < 0, b < 0)
        return cls(False, a < 0, d < 0)

    @property
    def clockwise_deg(self) -> int:
        """The turn, mirroring left out."""
        if self.swapped:
            return 90 if self.mirror_x else 270
        return 180 if self.mirror_x and self.mirror_y else 0

    def apply(self, picture: NDArray[Any]) -> NDArray[Any]:
        """Turn an array (H, W, ...) upright; a view."""
        turned = picture.swapaxes(0, 1) if self.swapped else picture
        turned = turned[:, ::-1] if self.mirror_x else turned
        return turned[::-1] if self.mirror_y else turned


def upright(samples: av.VideoFrame) -> av.VideoFrame:
    """Apply the display matrix to the samples: lossless, but where halved chroma would come to lie
    across (4:2:2 by a quarter turn) or the format is not planar, when it goes by RGB."""
    orientation = Orientation.of(samples)
    if orientation == Orientation():
        return samples
    name = samples.format.name
    if name not in _BITS or (orientation.swapped and "422" in name):
        picture = orientation.apply(to_rgb(samples))
        return from_rgb(np.asarray(picture, np.uint8))
    size = (samples.width, samples.height)
    turned = av.VideoFrame(*(size[::-1] if orientation.swapped else size), name)
    for index in range(len(samples.planes)):
        np.copyto(plane_of(turned, index), orientation.apply(plane_of(samples, index)))
    Colours.of(samples).tag(turned)
    return turned


def _to_yuv(rgb: RGB, samples: av.VideoFrame) -> NDArray[np.float32]:
    """Exact Y, U, V of a picture in the samples' colours and depth, not yet rounded."""
    colours = Colours.of(samples)
    red, blue = _LUMA_WEIGHTS[colours.swscale_matrix(samples.height)]
    luma = np.array([red, 1 - red - blue, blue])
    rows = np.stack([luma, ([0, 0, 1] - luma) / (2 - 2 * blue), ([1, 0, 0] - luma) / (2 - 2 * red)])
    scale = 2.0 ** (_BITS[samples.format.name] - 8)
    full = colours.swscale_range == ColorRange.JPEG
    if full:
        highest = 256 * scale - 1
        gains, offsets = np.full(3, highest / 255), np.array([0, 128, 128]) * scale
    else:
        gains, offsets = np.array([219, 224, 224]) / 255 * scale, np.array([16, 128, 128]) * scale
    matrix = np.column_stack([rows * gains[:, None], offsets]).astype(np.float32)
    return np.asarray(cv2.transform(rgb.astype(np.float32), matrix), np.float32)


def _shrunk(plane: NDArray[np.float32], size_px: tuple[int, int]) -> NDArray[np.float32]:
    """Means over the pixels of each chroma sample; an odd last row or column counts twice."""
    down, right = size_px[1] * 2 - plane.shape[0], size_px[0] * 2 - plane.shape[1]
    down, right = down if down == 1 else 0, right if right == 1 else 0
    if down or right:
        plane = np.pad(plane, ((0, down), (0, right)), mode="edge")
    if plane.shape == size_px[::-1]:
        return plane
    return np.asarray(cv2.resize(plane, size_px, interpolation=cv2.INTER_AREA), np.float32)


def _chroma_shrink(samples: av.VideoFrame) -> tuple[int, int]:
    name = samples.format.name
    return (1 if "444" in name else 2, 2 if "420" in name else 1)
