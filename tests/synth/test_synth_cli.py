"""`faceloom synth`: bad input is one line and exit code 2; good input leaves files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from faceloom.cli.main import main
from faceloom.cli.synth import _seeds
from faceloom.errors import UserError


def test_seeds_are_ranges_and_lists() -> None:
    assert _seeds("1..4") == [1, 2, 3, 4]
    assert _seeds("7, 22..23") == [7, 22, 23]
    for wrong in ("", "a", "4..1", "-3", "1..9999"):
        with pytest.raises(UserError, match="--seeds"):
            _seeds(wrong)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("clip", "--person", "1", "--light", "moon", "-o", "a.mp4"), "studio"),
        (("clip", "--person", "1", "--like-clip", "no.mp4", "-o", "a.mp4"), "does not exist"),
        (("people", "--seeds", "9..1", "-o", "d"), "must rise"),
        (("clip", "--person", "1", "--motion", "dance", "-o", "a.mp4"), "look-around"),
        (("clip", "--person", "-1", "-o", "a.mp4"), "negative"),
        (("pair", "--into", "1", "--face", "1", "-o", "p"), "two people"),
    ],
)
def test_bad_input_is_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["faceloom", "synth", *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 2
    told = capsys.readouterr().err
    assert told.startswith("faceloom: ")
    assert said in told
    assert told.count("\n") == 1
    assert not any(tmp_path.iterdir())


def test_help_loads_neither_torch_nor_numba() -> None:
    code = (
        "import sys, faceloom.cli.main\n"
        "assert not {'torch', 'numba', 'cv2'} & set(sys.modules), 'heavy imports'\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
