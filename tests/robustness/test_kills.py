"""A small form of python -m robustness.kills, and that it notices damage."""

import random
import shutil

import pytest

from robustness.kills import Count, make_reference, torment
from robustness.script_outputs import contents

SCRIPT = "train_data_generator"


@pytest.fixture(scope="module")
def references(tmp_path_factory):
    """Return two projects, of different recordings, in which the first script has run."""
    folder = tmp_path_factory.mktemp("references")
    for name, n_recordings in (("old", 4), ("new", 6)):
        make_reference(folder / name, n_recordings, 0, [SCRIPT])
    return folder / "old", folder / "new"


def test_torment_leaves_old_or_new_and_the_next_run_is_as_if_never_killed(references, tmp_path):
    count = torment(SCRIPT, *references, tmp_path / "project", 4, rng=random.Random(1), in_a_row=2)
    assert count.killed == count.old + count.new + count.both == 4
    assert count.lost == 0
    assert count.good == count.next_runs >= 2


@pytest.mark.parametrize("damage", [lambda path: path.write_bytes(path.read_bytes()[:-1]), lambda path: path.unlink()])
def test_add_kill_damaged_output_is_lost(references, tmp_path, damage):
    old, new = references
    shutil.copytree(old, tmp_path / "project")
    damage(tmp_path / "project" / "train_data.npy")
    count = Count()
    count.add_kill(contents(SCRIPT, tmp_path / "project"), contents(SCRIPT, old), contents(SCRIPT, new))
    assert (count.lost, count.old, count.new, count.both) == (1, 0, 0, 0)
