"""The speed of every stage, in docs/speed.md: python -m benchmarks; --all adds the README's "how many are enough"."""

import subprocess
import sys

SPEED = ("benchmarks.speed.stages",)
# Some eight minutes more on two cores, nearly all of it training.
REST = (("benchmarks.quality.how_many", "--recordings", "50", "200", "--minutes", "2"),)

for command in (SPEED, *(REST if "--all" in sys.argv[1:] else ())):
    print(f"\n## python -m {' '.join(command)}\n", flush=True)
    subprocess.run([sys.executable, "-m", *command], check=True)
