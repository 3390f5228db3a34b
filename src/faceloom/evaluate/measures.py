"""Every figure of an evaluation: what it is, its range, what is good, where it comes from.

`MEASURES` holds them by name, in the order in which they are shown; the first one of a group that
could be taken stands for it. "Eye span" is the distance of the outer eye corners: what is measured
over it does not depend on how large the face is in the picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from faceloom.evaluate.evaluation import Group
from faceloom.evaluate.score_lines import SCORE_LINES

Better = Literal["higher", "lower", "neither"]


@dataclass(frozen=True)
class Measure:
    """What a figure is; the texts are what users read."""

    name: str
    title: str
    group: Group
    better: Better
    range: str
    good: str
    definition: str
    source: str
    digits: int = 2
    scale: float = 1.0
    unit: str = ""
    exact: float | None = None
    """What the best of the exact answers that were looked at is read as: who is beyond it is no
    better (docs/evaluation.md). None where that is another matter for each pair, or not known."""

    def text(self, value: float) -> str:
        """A value of the figure as it is shown, with its unit."""
        shown = round(value * self.scale, self.digits) + 0.0  # No "-0.00".
        return f"{shown:.{self.digits}f}{self.unit}"


IDENTITY_NETS = {
    "judge": "the judge (dlib's ResNet, which no training sees)",
    "training": "the network that training sees too (MobileFaceNet): for agreement alone, since a"
    " method can please it without looking alike",
    "third": "a third network (MobileNet that learned VGGFace2, which no training sees)",
}
"""The readers of identity, by the ending of their figures' names."""
SHORT_NAMES = {
    "judge": "the judge",
    "training": "the network that training sees",
    "third": "the third network",
}
_DEEP_METRIC = "King 2017, High Quality Face Recognition with Deep Metric Learning"
_MOBILE = "Chen et al. 2018, MobileFaceNets, arXiv:1804.07573"
_NET_SOURCES = {
    "judge": _DEEP_METRIC,
    "training": _MOBILE,
    "third": "Howard et al. 2017, MobileNets, arXiv:1704.04861; Cao et al. 2018, VGGFace2",
}
_GAIN = (
    "How far the result went from the person in the footage (0) to as like the face as its own"
    " photographs are to each other (1): (sim(result, face) - sim(footage, face)) / (sim(face,"
    " face') - sim(footage, face)), where sim is the mean cosine of the embeddings of {net}."
)


def _identity_measures(net: str, words: str) -> list[Measure]:
    ending = "" if net == "judge" else f"_{net}"
    by = "" if net == "judge" else f", by the {net} network"
    source = _NET_SOURCES[net]
    return [
        Measure(f"identity_gain{ending}", f"Looks like the face{by}", "identity", "higher",
                "about 0 to 1, beyond it either way", "above 0.6, as exact"
                " answers that keep the footage's outline; 1 is a real photo",
                _GAIN.format(net=words), source),
        Measure(f"identity_face{ending}", f"Likeness to the face's photos{by}", "identity",
                "higher", "-1 to 1", "as high as the face's photos among themselves (see the"
                " settings)", "Mean cosine of the embeddings of the result's frames and of the"
                f" face's real pictures, by {words}.", source, 3),
        Measure(f"identity_footage{ending}", f"Likeness to the footage's person{by}", "identity",
                "lower", "-1 to 1", "as low as between the two people (see the settings)",
                "Mean cosine of the embeddings of the result's frames and of the footage's, by"
                f" {words}.", source, 3),
    ]  # fmt: skip


def _identity() -> list[Measure]:
    nets = {net: _identity_measures(net, words) for net, words in IDENTITY_NETS.items()}
    return [
        *nets["judge"],
        Measure("identity_disagreement", "Disagreement of the identity networks", "identity",
                "neither", "0 up", "below 0.2: all see the same", "The largest difference between"
                " the identity gains of the judge and of the other networks at hand.", "faceloom"),
        Measure("retrieval_top1", "Found first in the gallery", "identity", "higher", "0% to 100%",
                "above 90%", "Share of the judged frames whose nearest person is the face's, among"
                " the gallery's people, the footage's person and the face's.",
                "Rossler et al. 2019; the retrieval of FaceShifter (Li et al. 2019)", 0, 100, "%"),
        Measure("retrieval_top5", "Found among the gallery's first five", "identity", "higher",
                "0% to 100%", "above 95%", "Share of the judged frames for which the face's person"
                " is one of the five nearest, among the same people.",
                "the retrieval of FaceShifter (Li et al. 2019)", 0, 100, "%"),
        Measure("lookalike_agreement", "Shared look-alikes", "identity", "higher", "0% to 100%",
                "67% or more", "Of the gallery's three people who look most like the face's real"
                " pictures, how many are among the three who look most like the result.",
                "the note's question, with the judge's embedding", 0, 100, "%"),
        Measure("prediction_agreement", "Same identities predicted", "identity", "higher",
                "0% to 100%", "67% or more", "Of the three of 8631 identities that the"
                " Inception-ResNet predicts for the face's real pictures, how many it predicts for"
                " the result.", "Cao et al. 2018, VGGFace2, arXiv:1710.08092", 0, 100, "%"),
        *nets["training"],
        *nets["third"],
    ]  # fmt: skip


_KEPT = (
    Measure("mouth_correlation", "Mouth follows", "kept", "higher", "-1 to 1", "above 0.85",
            "Pearson's correlation of the mouth's opening (gap of the inner lips over the eye span)"
            " in the footage and in the result, frame by frame. None where the footage's mouth"
            " hardly moves.", "Kartynnik et al. 2019 (mesh)", exact=0.97),
    Measure("eye_correlation", "Blinks follow", "kept", "higher", "-1 to 1", "above 0.8",
            "Pearson's correlation of the eyes' opening (gap of the lids over an eye's width). None"
            " where the footage's eyes neither blink nor narrow.",
            "Ablavatski et al. 2020, arXiv:2006.11341 (eye network)", exact=0.99),
    Measure("expression_error", "Expression", "kept", "lower", "0% up",
            "below 0.5%; a face that never moves has 0.5% to 0.7% beside a talking one",
            "How far brows, lids and lips move differently: each face is laid onto its own mean"
            " over the clip, and the mean distance of the points' displacements in footage and"
            " result is taken, over the eye span. A face's own shape does not count.",
            "normalised mean error as in 300-W (Sagonas et al. 2016), on displacements", 2, 100,
            "%", exact=0.004),
    Measure("pose_error_deg", "Head pose", "kept", "lower", "0° up",
            "below 1°, as exact answers", "Mean absolute difference of yaw, pitch and roll, read"
            " off both meshes, from what it is on average over the clip: another face's own shape"
            " is read as a turn that never changes.",
            "the pose error of FSGAN (Nirkin et al. 2019, arXiv:1908.05932), on changes", 2, 1,
            "°", exact=0.55),
    Measure("pose_offset_deg", "Constant turn of the head", "kept", "neither", "0° up",
            "below 2.5°, as exact answers", "That average: the mean absolute turn which never"
            " changes. Faces of other shapes have one; a face put on askew has, too.",
            "faceloom", 2, 1, "°"),
    Measure("gaze_error_deg", "Gaze", "kept", "lower", "0° up", "below 5°",
            "Angle between the directions of gaze, from the irises, where the eyes are open in"
            " both.", "Ablavatski et al. 2020, arXiv:2006.11341", 2, 1, "°", exact=1.5),
    Measure("mouth_range", "Liveliness of the mouth", "kept", "neither", "0% up", "80% to 120%",
            "Standard deviation of the mouth's opening over the footage's own.", "faceloom", 0,
            100, "%"),
    Measure("eye_range", "Liveliness of the eyes", "kept", "neither", "0% up", "80% to 120%",
            "Standard deviation of the eyes' opening over the footage's own.", "faceloom", 0, 100,
            "%"),
    Measure("lip_lag_s", "Delay of the lips", "kept", "neither", "-0.2 s to 0.2 s", "0.00 s",
            "The delay at which the mouth's opening in the result correlates best with the"
            " footage's; above 0 the result is late.", "cross-correlation", 2, 1, " s"),
    Measure("lip_audio_share", "Lips follow the sound", "kept", "higher", "about 0% to 100%",
            "above 90%", "Correlation of the mouth's opening with the sound's loudness at the best"
            " delay within 0.2 s, over the same of the footage. None where there is no sound, or"
            " where the footage's own lips follow it too weakly to tell.",
            "after the loudness envelope of Chandrasekaran et al. 2009", 0, 100, "%"),
)  # fmt: skip

_LOOKS = (
    Measure("sharpness_ratio", "Sharpness", "looks", "neither", "0% up", "80% to 120%",
            "Deviation of the Laplacian inside the face over that of the footage; below 100% the"
            " result is softer.", "Pech-Pacheco et al. 2000", 0, 100, "%"),
    Measure("colour_difference", "Colour against the surroundings", "looks", "lower", "0 up",
            "as the footage's own (its curve); the next figure says how far off",
            "CIEDE2000 difference of the changed face's rim and the ring around it, where the"
            " footage shows skin on both sides; the mean over stretches of the outline, which is"
            " where the result's difference to the footage ends. 1 is just visible.",
            "Sharma et al. 2005 (CIEDE2000)", 1),
    Measure("colour_excess", "Colour seam", "looks", "lower", "0 up",
            "below 3; up to 8 where the two jaws are lit differently",
            "CIEDE2000 of how far the face's rim, against the ring around it, lies from where the"
            " footage's rim lies against its own ring; the mean over the outline of the shift in"
            " L*a*b*. A tint of the whole face counts in full.", "Sharma et al. 2005", 1),
    Measure("seam_energy", "Edge around the face", "looks", "lower", "0 up", "below 5",
            "The step of brightness (levels of 255) across that outline, between 0.8 and 1.2 of"
            " the face's hull, where result minus footage steps most, above what it does"
            " elsewhere.", "faceloom, after gradient-domain seams (Perez et al. 2003)", 1),
    Measure("specks", "Coloured specks", "looks", "lower", "0 up", "below 1.5",
            "How much more of a small round place of another colour (a* or b*) the face has"
            " anywhere, but for its eyes, than the footage near there; the mean of the worst tenth"
            " of the frames. A quarter of the contrast of one of an iris's size. A mole of the"
            " face's counts as well.",
            "Lindeberg 1998, Feature detection with automatic scale selection (blobs by the"
            " Hessian)", 2),
    Measure("checkerboard_db", "Checkerboard pattern", "looks", "lower", "about 0 dB up",
            "below 5 dB", "How far a regular fine pattern stands out of the mean spectrum of the"
            " face's middle above its surroundings, beyond what the footage has at the same"
            " place of the spectrum, and beyond chance.", "Odena et al. 2016, Deconvolution and"
            " Checkerboard Artifacts; Durall et al. 2020, arXiv:2003.01826", 1, 1, " dB"),
    Measure("frechet_distance", "Frechet distance", "looks", "lower", "0 up",
            "compare only between results of the same footage and a like number of frames",
            "Squared Frechet distance between normal distributions fitted to features of the"
            " footage's and of the result's face crops: texture maps of the identity network, in"
            " 16 fixed directions. Biased upwards by small samples.",
            "Heusel et al. 2017, arXiv:1706.08500 (with other features)"),
    Measure("kernel_distance", "Kernel distance", "looks", "lower", "about 0 up",
            "compare only between results of the same footage",
            "Unbiased squared distance of the same features' distributions (all directions) under a"
            " cubic kernel; the one to trust below 2,000 crops.",
            "Binkowski et al. 2018, arXiv:1801.01401 (with other features)"),
    Measure("kernel_distance_face", "Kernel distance to the face's pictures", "looks", "lower",
            "about 0 up", "compare only between results of the same footage and face",
            "The same against real pictures of the face, whose light and pose differ.",
            "Binkowski et al. 2018, arXiv:1801.01401 (with other features)"),
)  # fmt: skip

_VIDEO = (
    Measure("warp_error_ratio", "Steadiness of the picture", "video", "lower", "0% up",
            "below 130%", "Mean difference of a frame and the one before, moved along the footage's"
            " optical flow, inside the face; over the footage's own. 100% is as steady.",
            "Lai et al. 2018, Learning Blind Video Temporal Consistency, arXiv:1808.00449", 0, 100,
            "%"),
    Measure("flicker_levels", "Flicker", "video", "lower", "0 up", "below 1",
            "Root mean square of what changes faster than 3 times a second in the brightness of"
            " result minus footage, in 16 blocks from the brows to the chin (their median); levels"
            " of 255.",
            "faceloom"),
    Measure("flicker_hz", "Flicker's rate", "video", "neither", "3 Hz to half the frame rate",
            "only where there is flicker", "Where the spectrum of that brightness is strongest.",
            "Welch 1967", 1, 1, " Hz"),
    Measure("jitter_ratio", "Landmark jitter", "video", "lower", "0% up", "below 130%",
            "Median length of the second difference of the mesh's points over time; over the"
            " footage's own. 100% is as steady, below it smoothed.", "faceloom", 0, 100, "%"),
    Measure("identity_spread_ratio", "Wandering of the identity", "video", "neither", "0% up",
            "80% to 150%", "Variance over time of the judge's embedding; over the footage's own.",
            "faceloom", 0, 100, "%"),
    Measure("frames_missed", "Faces lost", "video", "lower", "0% to 100%", "0%",
            "Share of the frames with a face in the footage that show none in the result.",
            "faceloom", 1, 100, "%"),
)  # fmt: skip

_UNCHANGED = (
    Measure("outside_error", "Pixels outside the face", "unchanged", "lower", "0 to 255",
            "0 for stored pictures; an encoder's own error, about 1, for a clip",
            "Mean absolute difference of result and footage outside both faces' outlines, grown by"
            " a quarter; levels of 255.", "faceloom"),
    Measure("outside_changed", "Area changed outside the face", "unchanged", "lower", "0% to 100%",
            "below 0.1%", "Share of the pixels there that differ by more than 16 levels in some"
            " colour, which no good encoder does.", "faceloom", 2, 100, "%"),
    Measure("sound_kept", "Sound kept", "unchanged", "higher", "0% to 100%", "100%",
            "Share of the footage's packets of sound that are in the result bit by bit.",
            "faceloom", 0, 100, "%"),
    Measure("sound_delay_s", "Delay of the sound", "unchanged", "neither", "-0.5 s to 0.5 s",
            "0.00 s; from about 0.05 s on people notice", "By how much the result's sound comes"
            " later, counted from its first picture, than the footage's: where their loudness"
            " (every 10 ms) correlates best; below 0 the sound is early.",
            "cross-correlation; limits as in ITU-R BT.1359", 2, 1, " s"),
    Measure("time_error_s", "Times of the frames", "unchanged", "lower", "0 s up",
            "below 0.001 s", "Largest difference of the times at which a frame is shown in result"
            " and footage, counted from the first frame.", "faceloom", 4, 1, " s"),
    Measure("frames_differ", "Number of frames", "unchanged", "lower", "0 up", "0",
            "How many frames more or fewer the result has. Results of another length are not"
            " evaluated, but for a last frame that a container cut off.", "faceloom", 0),
)  # fmt: skip

KEY_PREFIX = "key_"
_KEY_TEXTS = {
    "gain": ("below 1", "above 0.5; 1 is the answer"),
    "gain_own_tone": ("below 1", "above 0.5"),
    "psnr_db": ("up to 58.9 dB", "above 26 dB"),
    "ssim": ("-1 to 1", "above 0.85"),
    "identity_margin": ("-2 to 2", "above 0"),
    "identity_share": ("about 0 to 1", "above 0.8"),
    "landmark_error": ("0% up", "below 2%"),
    "pose_error_deg": ("0° up", "below 1.5°"),
    "gaze_error_deg": ("0° up", "below 4°"),
    "expression_error": ("0% up", "below 2.5%"),
    "mouth_error": ("0% up", "below 2%"),
    "eye_error": ("0% up", "below 4%"),
    "leakage": ("0 to 255", "0 for stored pictures, about 1 for a clip"),
    "temporal_error": ("0 to 255", "below the untouched footage's"),
    "frames_missed": ("0 up", "0"),
}
_KEY = tuple(
    Measure(f"{KEY_PREFIX}{line.name}", f"Against the answer: {line.title}", "key",
            "neither" if line.better == "near the key's" else line.better,
            *_KEY_TEXTS[line.name], line.meaning, "faceloom's benchmark, see docs/benchmark.md",
            line.digits, line.scale, line.unit)
    for line in SCORE_LINES if line.name in _KEY_TEXTS
)  # fmt: skip

MEASURES: dict[str, Measure] = {
    measure.name: measure
    for measure in (*_identity(), *_KEPT, *_LOOKS, *_VIDEO, *_UNCHANGED, *_KEY)
}
