"""Options that several commands have in common."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

OutputOption = Annotated[Path, typer.Option("--output", "-o", help="Where the result goes.")]
ConsentOption = Annotated[
    str | None,
    typer.Option(
        help="Who agreed, to what, when; `synthetic` for people who do not exist. Asked for once at"
        " a terminal."
    ),
]
LikeOption = Annotated[
    Path | None, typer.Option(help="A photo of the person to take, where several are seen.")
]
DetectorOption = Annotated[str, typer.Option(help="full-range or mtcnn.")]
MinutesOption = Annotated[float | None, typer.Option(help="Train for this long.")]
StepsOption = Annotated[int | None, typer.Option(help="Train for so many steps instead.")]
PresetOption = Annotated[
    str,
    typer.Option(
        help="fast (for CPUs), quality, landmarks, v1, v2, v2_2, vae, alpha, any_to_one, xgan,"
        " cycle or cycle_mask."
    ),
]
SizeOption = Annotated[
    int, typer.Option("--size", help="Model resolution, px: 64, 96, 128, 256; some also 192.")
]
FromOption = Annotated[
    str,
    typer.Option(
        "--from",
        help="What training starts from: auto (the shipped trunk where there is one), trunk, none,"
        " or the folder of a run.",
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", help="path=value of any training setting; see config.json of a run."),
]
ColourOption = Annotated[str, typer.Option(help="none, tone, adain, adain_xyz, lab or histogram.")]
DetailOption = Annotated[
    float,
    typer.Option(
        help="Share of the fine detail of the face's own pictures that is laid onto what the model"
        " paints, 0 to 1."
    ),
]
KindOption = Annotated[str, typer.Option("--kind", help="result, side-by-side or triple.")]
CodecOption = Annotated[str, typer.Option(help="h264, h265, av1, ffv1 or an encoder's name.")]
CrfOption = Annotated[int, typer.Option(help="Constant quality, lower is better and larger.")]
CodecOptions = Annotated[
    list[str] | None, typer.Option("--codec-option", help="key=value for the encoder.")
]
DevicesOption = Annotated[int | None, typer.Option(help="Processes on this machine, one a device.")]
NodesOption = Annotated[int | None, typer.Option(help="Machines; see the guide.")]
PrecisionOption = Annotated[
    str | None, typer.Option(help="bf16-mixed or 32-true, for forward passes.")
]
TensorboardOption = Annotated[
    bool, typer.Option("--tensorboard", help="Write the log for TensorBoard, too.")
]
AnyoneOption = Annotated[
    bool, typer.Option("--anyone", help="Swap the largest face, whoever it is.")
]
