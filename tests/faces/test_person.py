"""The person mask: a rendered head is told from what is behind, and doubt leaves the hull alone."""

from __future__ import annotations

import numpy as np
from tests.synth.plain_person import plain_person, shot

from faceloom.faces.person import PersonMask, without_background
from faceloom.image import resize
from faceloom.synth.render import Renderer
from faceloom.synth.scene import Label


def test_a_rendered_person_is_told_from_the_background() -> None:
    rendered = Renderer(256, supersampling=2).render(plain_person(hair=True), shot())
    truth = rendered.labels_HW != Label.BACKGROUND
    found = PersonMask()(rendered.rgb_HWC) > 0.5
    assert (found & truth).sum() / (found | truth).sum() > 0.93


def test_any_size_of_crop_is_taken() -> None:
    rgb = Renderer(256, supersampling=1).render(plain_person(), shot()).rgb_HWC
    people = PersonMask()
    full, half = people(rgb), people(resize(rgb, (128, 128)))
    assert half.shape == (128, 128)
    assert half.dtype == np.float32
    assert half.min() >= 0
    assert half.max() <= 1
    assert np.abs(resize(full, (128, 128)) - half).mean() < 0.05


def test_background_is_taken_off_the_hull_and_a_lost_face_is_not() -> None:
    hull = np.zeros((40, 40), np.float32)
    hull[10:30, 10:30] = 1
    person = np.ones((40, 40), np.float32)
    person[:, 27:] = 0
    cut = without_background(hull, person)
    assert cut[:, 27:].max() == 0
    assert (cut[:, :27] == hull[:, :27]).all()
    assert (without_background(hull, np.zeros_like(person)) == hull).all()
