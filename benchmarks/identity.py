"""How well the networks of the evaluation know people: `python -m benchmarks.identity MEDIA`.

London: neutral photographs as gallery, smiling ones as queries; top-1 and top-5 with exact 95%
binomial intervals (Clopper & Pearson 1934); and how many of the three look-alikes of a person's
neutral photograph are among those of the smiling one, the person left out of the gallery. GRID: the
identity gain of one man's other session, and of strangers, as if they were results of a swap from
s2 to s1.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy import stats

from faceloom.evaluate.identity_readers import IdentityReader, load_readers
from faceloom.evaluate.intervals import mean_interval
from faceloom.evaluate.likeness import (
    Pictures,
    agreement,
    gain_scale,
    look_alikes,
    mean_cosines,
    ranks,
)
from faceloom.evaluate.material import FaceFinder, pictures_of
from faceloom.image import read_image

Rows = dict[str, list[np.ndarray]]


def photographs(folder: Path, readers: Mapping[str, IdentityReader]) -> dict[str, Rows]:
    """Identities by the person's number, by reader."""
    finder, people = FaceFinder(), {}
    for file in sorted(folder.glob("*.jpg")):
        rgb = read_image(file)
        mesh = finder(rgb)
        if mesh is not None:
            people[file.stem.split("_")[0]] = {n: [read(rgb, mesh)] for n, read in readers.items()}
    return people


def material(path: Path, readers: Mapping[str, IdentityReader], count: int) -> dict[str, Pictures]:
    rows: Rows = {name: [] for name in readers}
    sources = []
    for picture in pictures_of(path, count):
        sources.append(picture.source)
        for name, read in readers.items():
            rows[name].append(read(picture.rgb, picture.mesh_4683))
    return {name: Pictures(np.stack(found), np.array(sources)) for name, found in rows.items()}


def london(media: Path, readers: Mapping[str, IdentityReader]) -> None:
    folder = media / "portraits" / "london"
    gallery, queries = (photographs(folder / kind, readers) for kind in ("neutral", "smiling"))
    names = sorted(gallery)
    table = Table("network", "people", "top-1", "top-5", "look-alikes shared, by two photographs"
                  " of a person", "of different people", title="smiling to neutral")  # fmt: skip
    for reader in readers:
        people = np.stack([gallery[name][reader][0] for name in names])
        asked = [name for name in names if name in queries]
        places = np.array([
            ranks(queries[name][reader][0][None], people, names.index(name))[0] for name in asked
        ])  # fmt: skip
        cells = []
        for most in (1, 5):
            hits = int((places < most).sum())
            # Exact, for a bootstrap of hits alone would claim to be certain.
            ends = stats.binomtest(hits, len(places)).proportion_ci()
            share = 100 * hits / len(places)
            cells.append(f"{share:.1f}% ({100 * ends.low:.1f} to {100 * ends.high:.1f})")
        shares = shared_look_alikes(
            people[[names.index(name) for name in asked]],
            np.stack([queries[name][reader][0] for name in asked]),
        )
        table.add_row(reader, str(len(asked)), *cells, *shares)
    Console().print(table)


def shared_look_alikes(neutral_PD: np.ndarray, smiling_PD: np.ndarray) -> list[str]:
    """Mean agreement with its interval, within people and between each person and the next."""
    names = [str(k) for k in range(len(neutral_PD))]
    values: list[list[float]] = [[], []]
    for k in range(len(names)):
        for column, other in enumerate((k, (k + 1) % len(names))):
            left = [n for n in range(len(names)) if n not in (k, other)]
            found = [
                [like.name for like in look_alikes("result", vector, [names[n] for n in left],
                                                   neutral_PD[left])]
                for vector in (neutral_PD[other], smiling_PD[k])
            ]  # fmt: skip
            values[column].append(agreement(*found))
    cells = []
    for column_values in values:
        middle, low, high = mean_interval(np.array(column_values))
        cells.append(f"{100 * middle:.0f}% ({100 * low:.0f} to {100 * high:.0f})")
    return cells


def grid(media: Path, readers: Mapping[str, IdentityReader]) -> None:
    folder = media / "grid"
    face = material(folder / "s1" / "session-b", readers, 24)
    footage = material(folder / "s2", readers, 12)
    columns = {"s1, session-a": material(folder / "s1" / "session-a", readers, 24)}
    for clip in sorted((folder / "others").iterdir()):
        columns[clip.stem.split("_")[0]] = material(clip, readers, 6)
    table = Table("network", *columns, title="identity gain from s2 to s1, session-b")
    for reader in readers:
        scale = gain_scale(footage[reader].identities_ND, face[reader])
        cells = []
        for pictures in columns.values():
            cosine = mean_cosines(pictures[reader].identities_ND, face[reader].identities_ND).mean()
            cells.append(f"{scale.gain(float(cosine)):.2f}")
        table.add_row(reader, *cells)
    Console().print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("media", type=Path, help="the folder with portraits/london and grid")
    media = parser.parse_args().media
    readers = load_readers()
    london(media, readers)
    grid(media, readers)


if __name__ == "__main__":
    main()
