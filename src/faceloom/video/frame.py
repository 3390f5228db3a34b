"""One frame: its time, its samples as decoded, its picture on demand, and pasting into it.

Convention: pictures are uint8 RGB (H, W, 3), full range, upright; x to the right, y down.
"""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation
from numpy.typing import NDArray

from faceloom.image import RGB

_BYTES = {  # Planar formats whose rectangles can be replaced, and the bytes of one sample.
    **dict.fromkeys(("yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p"), 1),
    **dict.fromkeys(("yuv420p10le", "yuv422p10le", "yuv444p10le", "yuv420p12le"), 2),
}
_UNSPECIFIED = 2
_HD_HEIGHT_PX = 720


class Frame:
    """A frame with its time; never changed after it was made."""

    def __init__(
        self,
        index: int,
        pts: int,
        time_base: Fraction,
        samples: av.VideoFrame | None = None,
        rgb: RGB | None = None,
        damaged: bool = False,
    ) -> None:
        """From decoded samples (upright) or from a picture; one of them must be given."""
        if samples is None and rgb is None:
            raise ValueError("a frame needs samples or a picture")
        self.index = index
        self.pts = pts
        self.time_base = time_base
        self.damaged = damaged
        self.samples = samples
        self._rgb = rgb

    @property
    def time_s(self) -> Fraction:
        """Exact presentation time, from the start of the clip."""
        return self.pts * self.time_base

    @property
    def width_px(self) -> int:
        return self.samples.width if self.samples is not None else self._picture.shape[1]

    @property
    def height_px(self) -> int:
        return self.samples.height if self.samples is not None else self._picture.shape[0]

    @property
    def rgb(self) -> RGB:
        """The picture, converted on first use with the clip's own matrix and range."""
        if self._rgb is None:
            assert self.samples is not None
            picture = self.samples.reformat(
                format="rgb24",
                src_colorspace=_matrix(self.samples),
                dst_colorspace=_matrix(self.samples),
                src_color_range=_range(self.samples),
                dst_color_range=ColorRange.JPEG,
                interpolation=Interpolation.BILINEAR,
                threads=1,
            ).to_ndarray()
            self._rgb = np.asarray(picture, np.uint8)
        return self._rgb

    @property
    def _picture(self) -> RGB:
        assert self._rgb is not None
        return self._rgb

    @classmethod
    def from_rgb(cls, rgb: RGB, like: Frame) -> Frame:
        """A new picture, of any size, at another frame's time."""
        return cls(like.index, like.pts, like.time_base, rgb=rgb)

    def pasted(self, patch_HWC: RGB, x_px: int, y_px: int) -> Frame:
        """The frame with a patch written at a place (inside the frame).

        Outside the patch (grown to whole chroma samples) the decoded samples stay bit-identical.
        Raises ValueError if the patch does not lie inside.
        """
        height, width = patch_HWC.shape[:2]
        inside = x_px >= 0 and y_px >= 0
        if not inside or x_px + width > self.width_px or y_px + height > self.height_px:
            raise ValueError("the patch must lie inside the frame")
        if self.samples is None or self.samples.format.name not in _BYTES:
            picture = self.rgb.copy()
            picture[y_px : y_px + height, x_px : x_px + width] = patch_HWC
            return Frame(self.index, self.pts, self.time_base, rgb=picture)
        x0, y0 = x_px - x_px % 2, y_px - y_px % 2
        x1 = min(self.width_px, x_px + width + (x_px + width) % 2)
        y1 = min(self.height_px, y_px + height + (y_px + height) % 2)
        patch = patch_HWC
        if (x0, y0, x1, y1) != (x_px, y_px, x_px + width, y_px + height):
            patch = self.rgb[y0:y1, x0:x1].copy()
            patch[y_px - y0 : y_px - y0 + height, x_px - x0 : x_px - x0 + width] = patch_HWC
        samples = _replaced(self.samples, np.ascontiguousarray(patch), x0, y0)
        return Frame(self.index, self.pts, self.time_base, samples)

    def as_samples(self, pixel_format: str, like: Frame | None = None) -> av.VideoFrame:
        """The frame as an encoder takes it, in this format; the samples themselves if they fit."""
        if self.samples is not None and self.samples.format.name == pixel_format:
            return self.samples
        source = self.samples
        if source is None:
            source = av.VideoFrame.from_ndarray(np.ascontiguousarray(self._picture), format="rgb24")
            reference = like.samples if like is not None else None
            matrix = _matrix(reference) if reference is not None else _default_matrix(source.height)
            wanted = _range(reference) if reference is not None else ColorRange.MPEG
            return _tagged(
                source.reformat(
                    format=pixel_format,
                    src_colorspace=matrix,
                    dst_colorspace=matrix,
                    src_color_range=ColorRange.JPEG,
                    dst_color_range=wanted,
                    interpolation=Interpolation.BILINEAR,
                ),
                matrix,
                wanted,
            )
        matrix, range_ = _matrix(source), _range(source)
        return _tagged(
            source.reformat(
                format=pixel_format,
                src_colorspace=matrix,
                dst_colorspace=matrix,
                src_color_range=range_,
                dst_color_range=range_,
            ),
            matrix,
            range_,
        )


def upright(samples: av.VideoFrame) -> av.VideoFrame:
    """Apply a frame's rotation metadata to its samples, without loss where the format allows."""
    quarter_turns = round(samples.rotation / 90) % 4
    if quarter_turns == 0:
        return samples
    name = samples.format.name
    if name not in _BYTES or (quarter_turns % 2 and "422" in name):
        picture = np.rot90(Frame(0, 0, Fraction(1), samples).rgb, quarter_turns)
        turned = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
    else:
        sideways = quarter_turns % 2 == 1
        size = (samples.height, samples.width) if sideways else (samples.width, samples.height)
        turned = av.VideoFrame(*size, name)
        for index in range(len(samples.planes)):
            _plane(turned, index)[:] = np.rot90(_plane(samples, index), quarter_turns)
        _copy_tags(samples, turned)
    turned.pts, turned.time_base = samples.pts, samples.time_base
    return turned


def _plane(samples: av.VideoFrame, index: int) -> NDArray[np.generic]:
    """A view (height, width) of one plane's samples."""
    plane = samples.planes[index]
    sample_type = np.uint8 if _BYTES[samples.format.name] == 1 else np.uint16
    rows = np.frombuffer(memoryview(plane), sample_type).reshape(plane.height, -1)
    return rows[:, : plane.width]


def _replaced(samples: av.VideoFrame, patch_HWC: RGB, x_px: int, y_px: int) -> av.VideoFrame:
    """A copy with one rectangle's samples replaced; x and y are even."""
    name = samples.format.name
    matrix, range_ = _matrix(samples), _range(samples)
    small = av.VideoFrame.from_ndarray(patch_HWC, format="rgb24").reformat(
        format=name,
        src_colorspace=matrix,
        dst_colorspace=matrix,
        src_color_range=ColorRange.JPEG,
        dst_color_range=range_,
        interpolation=Interpolation.BILINEAR,
        threads=1,
    )
    copy = av.VideoFrame(samples.width, samples.height, name)
    for index in range(len(samples.planes)):
        source, target, new = _plane(samples, index), _plane(copy, index), _plane(small, index)
        target[:] = source
        x = x_px * source.shape[1] // samples.width if index else x_px
        y = y_px * source.shape[0] // samples.height if index else y_px
        if index:
            x, y = _chroma_offset(name, x_px, y_px)
        target[y : y + new.shape[0], x : x + new.shape[1]] = new
    _copy_tags(samples, copy)
    copy.pts, copy.time_base = samples.pts, samples.time_base
    return copy


def _chroma_offset(name: str, x_px: int, y_px: int) -> tuple[int, int]:
    halve_x = "444" not in name
    halve_y = "420" in name
    return (x_px // 2 if halve_x else x_px, y_px // 2 if halve_y else y_px)


def _copy_tags(source: av.VideoFrame, target: av.VideoFrame) -> None:
    target.colorspace = source.colorspace
    target.color_range = source.color_range
    target.color_primaries = source.color_primaries
    target.color_trc = source.color_trc


def _tagged(samples: av.VideoFrame, matrix: Colorspace, range_: ColorRange) -> av.VideoFrame:
    samples.colorspace, samples.color_range = matrix, range_
    return samples


def _matrix(samples: av.VideoFrame) -> Colorspace:
    """The frame's matrix; where it says none, by its size, as players do."""
    try:
        if int(samples.colorspace) not in (0, _UNSPECIFIED):
            return Colorspace(int(samples.colorspace))
    except ValueError:
        if int(samples.colorspace) == 6:  # SMPTE 170M: the same numbers as BT.601.
            return Colorspace.ITU601
        if int(samples.colorspace) == 10:
            return Colorspace.BT2020
    return _default_matrix(samples.height)


def _default_matrix(height_px: int) -> Colorspace:
    return Colorspace.ITU709 if height_px >= _HD_HEIGHT_PX else Colorspace.ITU601


def _range(samples: av.VideoFrame) -> ColorRange:
    full = samples.format.name.startswith("yuvj") or int(samples.color_range) == ColorRange.JPEG
    return ColorRange.JPEG if full else ColorRange.MPEG
