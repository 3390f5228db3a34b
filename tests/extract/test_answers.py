"""Answers lie in the crops of what they answer, row for row."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from faceloom.data.description import IDENTITY_SIZE, descriptions
from faceloom.data.faceset import FaceSet
from faceloom.errors import UserError
from faceloom.extract import ExtractOptions, extract
from faceloom.extract.answers import extract_answers
from faceloom.models import MaskedGanConfig
from faceloom.synth.crowd import lenders, write_crowd
from faceloom.train.config import Budget, TrainConfig, preset_config
from faceloom.train.fit import fit_pair


def test_answers_have_the_crops_of_their_faces_and_meshes_of_their_own(tmp_path: Path) -> None:
    crowd, answers = tmp_path / "crowd", tmp_path / "answers"
    write_crowd([1000, 1003], crowd, pictures=4, size_px=160, answers=answers)
    extract(crowd, tmp_path / "faces", ExtractOptions(size_px=128, everyone=True), "synthetic")
    faces = FaceSet.open(tmp_path / "faces")
    found = extract_answers(faces, answers, tmp_path / "found")
    assert len(found) == len(faces) >= 6
    rows = np.arange(len(faces))
    for ours, theirs in zip(faces.records, found.records, strict=True):
        assert (ours.source, ours.index, ours.transform) == (
            theirs.source, theirs.index, theirs.transform,
        )  # fmt: skip
    # Edges of the crops show the same place, the middle another face in nearly the same spot.
    change = np.abs(faces.crops(rows).astype(int) - found.crops(rows)).mean(axis=(0, 3))
    assert change[:10].mean() < 0.5 * change[48:80, 44:84].mean()
    away = np.linalg.norm((faces.meshes_N4683 - found.meshes_N4683)[..., :2], axis=2)
    assert 0.3 < float(np.median(away)) < 6
    # Each answer looks like the one whose face it wears, not like the one who wears it.
    identities = {name: set_.identities_N512 for name, set_ in (("f", faces), ("a", found))}
    worn = np.array([record.source for record in faces.records])
    first, second = worn == "person-1000", worn == "person-1003"
    to_lender = identities["a"][first] @ identities["f"][second].T
    to_wearer = identities["a"][first] @ identities["f"][first].T
    assert to_lender.mean() > to_wearer.mean()
    # What is complete is left alone.
    made = (tmp_path / "found/faces.jsonl").stat().st_mtime_ns
    extract_answers(faces, answers, tmp_path / "found")
    assert (tmp_path / "found/faces.jsonl").stat().st_mtime_ns == made


def test_a_missing_answer_is_named(tmp_path: Path) -> None:
    crowd = tmp_path / "crowd"
    write_crowd([1000], crowd, pictures=2, size_px=160)
    extract(crowd, tmp_path / "faces", ExtractOptions(size_px=128, everyone=True), "synthetic")
    with pytest.raises(UserError, match="has no picture 0; render the answers again"):
        extract_answers(FaceSet.open(tmp_path / "faces"), tmp_path / "none", tmp_path / "found")


def two_steps(size_px: int) -> TrainConfig:
    """Of a trunk, half of whose faces are answers."""
    config = preset_config("trunk", size_px)
    assert isinstance(config.model, MaskedGanConfig)
    model = replace(config.model, answered=0.5)
    small = replace(config, model=model, per_side=2, threads=1, device="cpu")
    return replace(small, budget=Budget(None, 2))


def test_a_trunk_trains_on_faces_and_their_answers(tmp_path: Path) -> None:
    """Two steps of the real thing, and a pair that starts from it."""
    crowd, answers = tmp_path / "crowd", tmp_path / "answers"
    write_crowd([1000, 1003], crowd, pictures=12, takes=1, size_px=96, answers=answers)
    extract(crowd, tmp_path / "a", ExtractOptions(size_px=96, everyone=True), "synthetic")
    faces = FaceSet.open(tmp_path / "a")
    extract_answers(faces, answers, tmp_path / "b", lenders([1000, 1003]))
    config = two_steps(64)
    report = fit_pair(tmp_path / "a", tmp_path / "b", tmp_path / "trunk", config)
    assert report.step == 2
    weights = load_file(tmp_path / "trunk/model.safetensors")
    assert bool(weights["looks.rows_KL"].any())
    own = descriptions(faces, seed=config.seed)
    answered = descriptions(FaceSet.open(tmp_path / "b"), faces)
    # Whose face is worn is described by that person's own pictures, not by those of the answer.
    worn = np.array([record.source for record in faces.records])
    first = torch.from_numpy(worn == "person-1000")
    assert torch.allclose(weights["usual_E"], own.mean(dim=0), atol=1e-5)
    for part in (slice(0, IDENTITY_SIZE), slice(IDENTITY_SIZE, None)):
        means = [own[some][:, part].mean(dim=0) for some in (first, ~first)]
        told = answered[first][:, part].mean(dim=0)
        assert float((told - means[1]).norm()) < 0.3 * float((told - means[0]).norm())
    pair = replace(preset_config("fast", 64), start=str(tmp_path / "trunk"), budget=Budget(None, 2))
    pair = replace(pair, per_side=2, threads=1, device="cpu", hold_out=0.0)
    started = fit_pair(tmp_path / "a", tmp_path / "b", tmp_path / "run", pair).start
    assert started is not None
    assert started.share == 1.0
    # The shipped trunk, which is shown references, learns on.
    shipped = replace(two_steps(96), start="trunk")
    started = fit_pair(tmp_path / "a", tmp_path / "b", tmp_path / "further", shipped).start
    assert started is not None
    assert started.share == 1.0
