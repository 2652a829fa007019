"""What messages say to run: the scripts, or the commands of the same stages."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# What the command line is called, and files name as the software that wrote them: cli/origins.py tells by it which
# files may be replaced.
PROGRAM = "speech-autoencoder"
# Whether messages name scripts, which are not part of an installed package.
_says_scripts = (Path(__file__).parents[1] / "train_data_generator.py").is_file()


class _Stage(str):
    """The file name of a script, which text shows as a command where there are no scripts, or commands are used."""

    _command: str

    def __new__(cls, script: str, command: str) -> "_Stage":
        """Make it of the file name of the script and the command."""
        stage = super().__new__(cls, script)
        stage._command = f"{PROGRAM} {command}"
        return stage

    def __str__(self) -> str:
        return super().__str__() if _says_scripts else self._command

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)


@contextmanager
def as_commands() -> Iterator[None]:
    """Name commands in all messages, also those of other threads, as the user has come by a command."""
    global _says_scripts
    before, _says_scripts = _says_scripts, False
    try:
        yield
    finally:
        _says_scripts = before


TRAIN_DATA_GENERATOR = _Stage("train_data_generator.py", "features")
TEST_DATA_GENERATOR = _Stage("test_data_generator.py", "features --like train_data.npy")
TRAINER = _Stage("autoencoder_for_many_data.py", "train")
EVALUATOR = _Stage("evaluate_for_many_data.py", "evaluate")
PREDICTOR = _Stage("predict_for_one_data.py", "predict")
SCRIPTS: tuple[str, ...] = (TRAIN_DATA_GENERATOR, TEST_DATA_GENERATOR, TRAINER, EVALUATOR, PREDICTOR)
