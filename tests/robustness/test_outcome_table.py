"""The table of how damaged files ended."""

from robustness.outcome_table import table
from robustness.watched_processes import Outcome


def test_table_each_kind_and_all_are_counted():
    outcomes = [Outcome(i, end, i, 10.0 * i, "") for i, end in enumerate(["used", "refused", "hung"])]
    lines = table([("b", outcomes[0]), ("a", outcomes[1]), ("b", outcomes[2])]).splitlines()
    assert lines[2:] == [
        "| a | 1 | 0 | 1 | 0 | 0 | 0 | 1.00 | 10 |",
        "| b | 2 | 1 | 0 | 0 | 1 | 0 | 2.00 | 20 |",
        "| all | 3 | 1 | 1 | 0 | 1 | 0 | 2.00 | 20 |",
    ]
