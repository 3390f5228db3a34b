"""The only place that crosses between stored images and tensors, and that resamples images.

Convention: a stored image is uint8 HWC RGB in [0, 255]; a tensor image is float CHW RGB in [-1, 1].
A transform passed to `warp` maps input pixels to output pixels.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Literal, TypeVar

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from faceloom.errors import UserError
from faceloom.geometry import Similarity

RGB = NDArray[np.uint8]
"""Shape (H, W, 3), RGB, 0 to 255."""
Mask = NDArray[np.float32]
"""Shape (H, W), 0 to 1."""

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff"})

Scalar = TypeVar("Scalar", np.uint8, np.float32)

Filter = Literal["nearest", "linear", "cubic", "area", "lanczos"]
_CV_FILTERS: dict[Filter, int] = {
    "nearest": cv2.INTER_NEAREST,
    "linear": cv2.INTER_LINEAR,
    "cubic": cv2.INTER_CUBIC,
    "area": cv2.INTER_AREA,
    "lanczos": cv2.INTER_LANCZOS4,
}
_EDGES = {"replicate": cv2.BORDER_REPLICATE, "zero": cv2.BORDER_CONSTANT}


def to_tensor(images_BHWC: NDArray[np.uint8]) -> torch.Tensor:
    """uint8 (B, H, W, 3) in [0, 255] -> float32 (B, 3, H, W) in [-1, 1], channels last."""
    tensor_BCHW = torch.from_numpy(np.ascontiguousarray(images_BHWC)).permute(0, 3, 1, 2)
    return tensor_BCHW.to(torch.float32) / 127.5 - 1.0


def to_uint8(images_BCHW: torch.Tensor) -> NDArray[np.uint8]:
    """Float (B, 3, H, W) in [-1, 1] -> uint8 (B, H, W, 3) in [0, 255], clipped and rounded."""
    scaled = (images_BCHW.detach().float().clamp(-1, 1) + 1.0) * 127.5
    return scaled.round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu().numpy()


def warp(
    image: NDArray[Scalar],
    transform: Similarity | NDArray[np.floating],
    size_px: tuple[int, int],
    interpolation: Filter = "linear",
    edge: Literal["replicate", "zero"] = "replicate",
) -> NDArray[Scalar]:
    """Resample an image (H, W[, C]) by a similarity or 2x3 matrix to (width, height).

    With the area filter, a transform that shrinks to less than half first averages the part of the
    image it needs, so that nothing aliases; otherwise it is linear. With the cubic filter, one that
    enlarges threefold or more is cubic to twice the size and linear from there, which looks the
    same and takes half the time.
    """
    matrix = transform.matrix_23 if isinstance(transform, Similarity) else np.asarray(transform)
    matrix = matrix.astype(np.float64)
    scale = np.hypot(*matrix[:, 0])
    flags = _CV_FILTERS[interpolation]
    if interpolation == "area" and scale < 0.5:
        image, matrix = _averaged(image, matrix, size_px)
    elif interpolation == "cubic" and scale >= 3:
        height, width = image.shape[:2]
        image, flags = resize(image, (2 * width, 2 * height), "cubic"), cv2.INTER_LINEAR
        matrix = matrix @ _unscaled(0.5, np.zeros(2))
    return cv2.warpAffine(image, matrix, size_px, flags=flags, borderMode=_EDGES[edge])  # type: ignore[return-value]


def _unscaled(factor: float, low: NDArray[np.floating]) -> NDArray[np.float64]:
    """(3, 3): from pixels of a part that starts at `low` and was shrunk by a factor, to pixels of
    the image."""
    # A pixel x of the shrunk part is (x + 0.5) * factor - 0.5 + low of the image.
    shift = 0.5 * factor - 0.5 + low
    return np.array([[factor, 0, shift[0]], [0, factor, shift[1]], [0, 0, 1]])


def _averaged(
    image: NDArray[Scalar], matrix_23: NDArray[np.float64], size_px: tuple[int, int]
) -> tuple[NDArray[Scalar], NDArray[np.float64]]:
    """The part of the image that a warp needs, shrunk by the whole number (which is fast) that
    leaves one to two times the output's scale, and the matrix that does the rest."""
    factor = math.ceil(0.5 / np.hypot(*matrix_23[:, 0]))
    bound_px = np.array(image.shape[1::-1])
    corners = np.array([[0, 0, 1], [1, 0, 1], [0, 1, 1], [1, 1, 1]], np.float64)
    corners[:, :2] *= np.array(size_px) - 1
    reached = corners @ cv2.invertAffineTransform(matrix_23).T
    low = np.clip(np.floor(reached.min(axis=0)) - factor, 0, bound_px - 1).astype(int)
    high = np.clip(np.ceil(reached.max(axis=0)) + factor + 1, low + 1, bound_px).astype(int)
    blocks = -(-(high - low) // factor)
    high = low + blocks * factor
    part = image[low[1] : high[1], low[0] : high[0]]
    over = np.maximum(0, high - bound_px)
    if over.any():
        part = cv2.copyMakeBorder(part, 0, over[1], 0, over[0], cv2.BORDER_REPLICATE)  # type: ignore[assignment]
    shrunk = resize(part, (int(blocks[0]), int(blocks[1])))
    return shrunk, matrix_23 @ _unscaled(factor, low)


def resize(
    image: NDArray[Scalar], size_px: tuple[int, int], interpolation: Filter = "area"
) -> NDArray[Scalar]:
    """Resize an image (H, W[, C]) to (width, height)."""
    return cv2.resize(image, size_px, interpolation=_CV_FILTERS[interpolation])  # type: ignore[return-value]


def sampled(
    image: NDArray[Scalar], x_HW: NDArray[np.float32], y_HW: NDArray[np.float32]
) -> NDArray[Scalar]:
    """The image at these places, pixels, linear in between; beyond its edge, the edge."""
    return cv2.remap(image, x_HW, y_HW, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[return-value]


def sharpness(image: RGB) -> float:
    """Variance of the Laplacian of the grey image (Pech-Pacheco et al. 2000); higher is sharper."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    _, deviation = cv2.meanStdDev(cv2.Laplacian(grey, cv2.CV_16S))
    return float(deviation[0, 0]) ** 2


def read_image(path: Path) -> RGB:
    """Read an image file, turned as its EXIF data says. Raises UserError if it is not one."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    image = decode_image(data)
    if image is None:
        raise UserError(f"{path}: is not a readable image; replace or remove it")
    return image


def decode_image(data: bytes) -> RGB | None:
    """The image in the bytes of a file, turned as its EXIF data says; None if there is none."""
    bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    return None if bgr is None else cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)  # type: ignore[return-value]


def encode_image(image: RGB, suffix: str, quality: int = 95) -> bytes:
    """An image as the bytes of a file of this suffix (`.jpg`, `.png`, ...)."""
    options = [cv2.IMWRITE_JPEG_QUALITY, quality] if suffix in {".jpg", ".jpeg"} else []
    ok, data = cv2.imencode(suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)
    if not ok:
        raise ValueError(f"cannot encode an image as {suffix}")
    return data.tobytes()


def draw_grid(cells: list[list[RGB]], gap_px: int = 2) -> RGB:
    """Rows of equally sized images as one image, white between them."""
    height, width = cells[0][0].shape[:2]
    columns = max(len(row) for row in cells)
    sheet = np.full(
        (len(cells) * (height + gap_px) - gap_px, columns * (width + gap_px) - gap_px, 3),
        255,
        np.uint8,
    )
    for y, row in enumerate(cells):
        for x, cell in enumerate(row):
            top, left = y * (height + gap_px), x * (width + gap_px)
            sheet[top : top + height, left : left + width] = cell
    return sheet
