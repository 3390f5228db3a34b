"""The shapes that losses take: images in [-1, 1], planes (masks in [0, 1], weights >= 0), vectors.

Legend: b batch, c channels, h height, w width, d the vector's length, m points.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

Image = Float[Tensor, "b 3 h w"]
Pictures = Float[Tensor, "k 3 h w"]
"""As many as there are, of the size of the others."""
Maps = Float[Tensor, "b c h w"]
Plane = Float[Tensor, "b 1 h w"]
Codes = Float[Tensor, "b ..."]
Scores = Float[Tensor, "b ..."]
Vectors = Float[Tensor, "b d"]
Scalar = Float[Tensor, ""]


def at_least_single(x: Tensor) -> Tensor:
    """In float32 where it is coarser, since sums and differences of squares need it."""
    return x if x.dtype == torch.float64 else x.float()
