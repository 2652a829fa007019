"""What another Python must give: the same as this one."""

import numpy as np

from robustness import other_python


def test_differences_other_python_is_held_to_what_this_one_reads(originals, tmp_path):
    ours = other_python.read_all(originals, tmp_path)
    assert set(other_python.differences(ours, ours).values()) == {0.0}
    assert {name for name, value in ours.items() if value.size == 0} == set()
    found = other_python.differences(ours, ours | {"latents": ours["latents"] + 1, "sound": ours["sound"][1:]})
    assert (found["latents"], found["sound"], found["array"]) == (1.0, np.inf, 0.0)
