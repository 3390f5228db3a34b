"""One frame: its time, its samples as decoded, its picture on demand, and pasting into it.

Convention: pictures are uint8 RGB (H, W, 3), full range, upright; x to the right, y down.
"""

from __future__ import annotations

from fractions import Fraction

import av

from faceloom.image import RGB
from faceloom.video import samples as yuv


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
        name: str | None = None,
    ) -> None:
        """From decoded samples (upright) or from a picture; one of them must be given."""
        if samples is None and rgb is None:
            raise ValueError("a frame needs samples or a picture")
        self.index = index
        self.pts = pts
        self.time_base = time_base
        self.damaged = damaged
        self.samples = samples
        self.name = name
        """File name without suffix, of a frame that came from an image folder."""
        self._rgb = rgb

    @property
    def time_s(self) -> Fraction:
        """Exact presentation time, from the start of the clip."""
        return self.pts * self.time_base

    @property
    def width_px(self) -> int:
        return self.samples.width if self.samples is not None else self.rgb.shape[1]

    @property
    def height_px(self) -> int:
        return self.samples.height if self.samples is not None else self.rgb.shape[0]

    @property
    def rgb(self) -> RGB:
        """The picture, converted on first use with the clip's own matrix and range."""
        if self._rgb is None:
            assert self.samples is not None
            self._rgb = yuv.to_rgb(self.samples)
        return self._rgb

    @classmethod
    def from_rgb(cls, rgb: RGB, like: Frame) -> Frame:
        """A new picture, of any size, at another frame's time."""
        return like._with(rgb=rgb)

    def pasted(self, patch_HWC: RGB, x_px: int, y_px: int) -> Frame:
        """The frame with a patch written at a place (inside the frame).

        Outside the patch (grown to whole chroma samples), and wherever the patch equals the
        picture, the decoded samples stay bit-identical. Raises ValueError if the patch does not
        lie inside.
        """
        height, width = patch_HWC.shape[:2]
        inside = x_px >= 0 and y_px >= 0
        if not inside or x_px + width > self.width_px or y_px + height > self.height_px:
            raise ValueError("the patch must lie inside the frame")
        if not (height and width):
            return self
        if self.samples is None or not yuv.is_changeable(self.samples):
            picture = self.rgb.copy()
            picture[y_px : y_px + height, x_px : x_px + width] = patch_HWC
            return self._with(rgb=picture)
        x0, y0 = x_px - x_px % 2, y_px - y_px % 2
        x1 = min(self.width_px, x_px + width + (x_px + width) % 2)
        y1 = min(self.height_px, y_px + height + (y_px + height) % 2)
        before = after = self.rgb[y0:y1, x0:x1]
        if before.shape == patch_HWC.shape:
            after = patch_HWC
        else:
            after = before.copy()
            after[y_px - y0 : y_px - y0 + height, x_px - x0 : x_px - x0 + width] = patch_HWC
        return self._with(samples=yuv.with_patch(self.samples, before, after, x0, y0))

    def as_samples(
        self, pixel_format: str, size_px: tuple[int, int], colours: yuv.Colours
    ) -> av.VideoFrame:
        """The frame as an encoder takes it; the samples themselves if they fit."""
        samples = self.samples if self.samples is not None else yuv.from_rgb(self.rgb)
        return yuv.fitted(samples, pixel_format, size_px, colours)

    def _with(self, samples: av.VideoFrame | None = None, rgb: RGB | None = None) -> Frame:
        """Other content at the same place in the clip."""
        return Frame(self.index, self.pts, self.time_base, samples, rgb, self.damaged, self.name)
