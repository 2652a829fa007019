"""Every measurement that is quoted in the README and in docs/, one after another: python -m benchmarks."""

import subprocess
import sys

# Some twenty minutes on two cores, nearly all of it training.
COMMANDS = (
    ("benchmarks.memory",),
    ("benchmarks.quality", "--recordings", "0", "--minutes", "1", "5"),
    ("benchmarks.quality", "--recordings", "50", "200", "--minutes", "2"),
)

for command in COMMANDS:
    print(f"\n## python -m {' '.join(command)}\n", flush=True)
    subprocess.run([sys.executable, "-m", *command], check=True)
