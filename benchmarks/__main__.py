"""Measure the speed of every stage and write the table of docs/speed.md: python -m benchmarks (`make bench`).

With --all, also measure how many recordings are enough (docs/quality.md), some eight minutes more.
"""

import argparse
import subprocess
import sys

SPEED = ("benchmarks.speed.stages",)
RECORDING_COUNTS = ("benchmarks.quality.recording_counts", "--recordings", "50", "200", "--minutes", "2")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true", help="also measure how many recordings are enough")
    args = parser.parse_args()
    for command in (SPEED, *([RECORDING_COUNTS] if args.all else [])):
        print(f"\n## python -m {' '.join(command)}\n", flush=True)
        subprocess.run([sys.executable, "-m", *command], check=True)


if __name__ == "__main__":
    main()
