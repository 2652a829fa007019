"""What the scripts' command lines share: options, progress, how they end."""

import argparse
import atexit
import gc
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from speech_autoencoder.config import FeatureConfig, ModelConfig
from speech_autoencoder.errors import InputError
from speech_autoencoder.system.files import explain, lock, printable
from speech_autoencoder.system.processors import available_cpus, processors


class _Formatter(argparse.ArgumentDefaultsHelpFormatter):
    """Help that shows defaults where there are any."""

    def _get_help_string(self, action):
        none = action.default is None or action.default is False
        return action.help if none else super()._get_help_string(action)


class _Parser(argparse.ArgumentParser):
    """A parser that says what is wrong in one line, without its usage of up to ten."""

    def error(self, message):
        fail(f"{message}; --help lists the options.")


def parser(description: str) -> argparse.ArgumentParser:
    """A parser whose --help shows the defaults, with the options that every script has."""
    out = _Parser(description=description, formatter_class=_Formatter)
    _add_quiet(out)
    return out


def parser_of_commands(
    description: str, commands: dict[str, str]
) -> tuple[argparse.ArgumentParser, list[argparse.ArgumentParser]]:
    """A parser that takes one of several commands first, and their parsers, each described; the name is `command`."""
    out = _Parser(description=description, formatter_class=_Formatter)
    group = out.add_subparsers(dest="command", required=True, metavar="COMMAND")
    parsers = [
        group.add_parser(name, help=text, description=text, formatter_class=_Formatter)
        for name, text in commands.items()
    ]
    for each in parsers:
        _add_quiet(each)
    return out, parsers


def _add_quiet(parser):
    """Nothing; the parser has the option that every script has."""
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")


def run(main: Callable[[], None]) -> None:
    """Nothing; ends the process: 0, or 2 with one line on stderr for what the user can mend, 130 after Ctrl-C.

    To be told to end (SIGTERM) is as Ctrl-C is.
    """
    atexit.register(gc.freeze)  # the process' last look for garbage, through all that libraries hold, takes up to 1 s
    _open_closed_streams()
    _keep_libraries_quiet()
    if signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace", line_buffering=True)  # progress is seen through a pipe too
    try:
        main()
        sys.stdout.flush()
    except InputError as error:
        fail(str(error))
    except (KeyboardInterrupt, SystemError) as error:
        # Python's word for an interruption that comes while a library's own code has called ours.
        if isinstance(error, SystemError) and not isinstance(error.__cause__, KeyboardInterrupt):
            raise
        print("Interrupted; what was not finished is as it was before.", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        # Whoever read our output has gone; the interpreter must not complain when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        name = f"{printable(error.filename)}: " if isinstance(error.filename, str) else ""
        fail(f"{name}{explain(error)}.")
    except MemoryError:
        fail("There is not enough memory: close other programs, or use shorter recordings.")


def _open_closed_streams():
    """Nothing; of stdin, stdout and stderr, those that are closed lead nowhere, and not to the next file opened."""
    while (handle := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(handle)
    sys.stdout, sys.stderr = sys.stdout or os.fdopen(1, "w"), sys.stderr or os.fdopen(2, "w")


def _keep_libraries_quiet():
    """Nothing; what libraries write past Python, as decoders do of damaged recordings, goes nowhere.

    Nor does matplotlib say where its cache went when there is no home.
    """
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for number, name in ((1, "stdout"), (2, "stderr")):
        stream = getattr(sys, name)
        if stream is not None and not stream.closed and _number_of(stream) == number:
            stream.flush()
            ours = os.fdopen(os.dup(number), "w", encoding=stream.encoding, errors=stream.errors)
            setattr(sys, name, ours)
            os.dup2(nowhere, number)
    os.close(nowhere)


def _number_of(stream):
    """The descriptor that a stream writes to, None where it has none."""
    try:
        return stream.fileno()
    except (AttributeError, OSError, ValueError):
        return None


def start_tensorflow(say: Callable[[str], None], *, threads: tuple[int, int] | None = None) -> None:
    """Nothing; TensorFlow is imported. What its libraries write past Python `run` keeps from the terminal.

    threads is how many share an operation, and how many operations are done at the same time; None leaves it to
    TensorFlow, or to a container's quota, of which it does not know. How a sum is split among threads changes the last
    bits of what it gives.
    """
    say("Starting TensorFlow ...")
    os.environ["KERAS_BACKEND"] = "tensorflow"  # whatever else the user's Keras is set to
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # for benchmarks, which are not run by `run`
    gc.disable()
    try:
        import keras  # noqa: F401
        import tensorflow
    finally:
        # What was imported stays: to look through it for garbage, as it grows and ever after, takes most of a second.
        gc.freeze()
        gc.enable()
    if not threads and available_cpus() < processors():
        threads = available_cpus(), available_cpus()
    if threads:
        tensorflow.config.threading.set_intra_op_parallelism_threads(threads[0])
        tensorflow.config.threading.set_inter_op_parallelism_threads(threads[1])


def fail(message: str) -> None:
    """Nothing; ends the process with status 2 and the message as one line on stderr."""
    print(f"{Path(sys.argv[0]).name}: error: {printable(' '.join(message.split()))}", file=sys.stderr)
    sys.exit(2)


def sayer(quiet: bool) -> Callable[[str], None]:
    """A print that leaves progress bars whole, or says nothing when quiet."""
    from tqdm import tqdm

    return (lambda text: None) if quiet else (lambda text: tqdm.write(text, file=sys.stdout))


def progress(quiet: bool, description: str) -> Callable[[Iterable, int], Iterable]:
    """A function (items, total) -> the items, with a bar on a terminal when they take more than two seconds."""
    return lambda items, total: _bar(items, total, quiet, description)


def bar(quiet: bool, description: str) -> Callable:
    """A function n -> a bar of n (steps, or seconds) with update() and close(), on a terminal."""
    return lambda total: _bar(None, total, quiet, description)


def _bar(items, total, quiet, description):
    """A bar that leaves no trace when it is done."""
    from tqdm import tqdm

    return tqdm(
        items,
        description,
        total,
        delay=2,
        disable=True if quiet else None,
        leave=False,
        bar_format="{desc}: {percentage:3.0f}%|{bar}| {elapsed}, {remaining} left",
    )


def blas_threads(count: int):
    """A context in which BLAS has so many threads: one where ours compute side by side, as more would be in their way.

    How a sum is split among threads changes the last bits of what it gives.
    """
    from threadpoolctl import threadpool_limits

    return threadpool_limits(count, user_api="blas")


def positive(kind: type) -> Callable[[str], float]:
    """An argparse type: a finite number above zero."""

    def convert(text):
        value = kind(text)
        if not 0 < value < float("inf"):
            raise argparse.ArgumentTypeError(f"{text} is not above zero")
        return value

    convert.__name__ = kind.__name__  # what argparse calls a value that is none
    return convert


def require_suffix(path: Path, suffix: str) -> None:
    """Nothing. Raises InputError when path does not end in suffix."""
    if path.suffix != suffix:
        raise InputError(f"{printable(path)} does not end in {suffix}: name a file that does.")


def add_generator_options(parser: argparse.ArgumentParser, audio_dir: Path, array_path: Path) -> None:
    """Nothing; the parser has the options that both generators share."""
    parser.add_argument("--audio-dir", type=Path, default=audio_dir, help="the recordings; subfolders are walked")
    parser.add_argument("--output", type=Path, default=array_path, help="the array to write, a .npy")
    parser.add_argument("--workers", type=positive(int), default=available_cpus(), help="threads")
    parser.add_argument("--strict", action="store_true", help="stop at the first unreadable recording")


def generate(args: argparse.Namespace, features: FeatureConfig, *, for_training: bool = False) -> None:
    """Nothing; the array that args ask for is made, and what was done is said, and of a training what it is like."""
    from speech_autoencoder.data import building, dataset
    from speech_autoencoder.data import corpus_summary as preflight

    say = sayer(args.quiet)
    require_suffix(args.output, ".npy")
    lock(args.output)
    with blas_threads(1):
        summary = building.build(
            args.audio_dir,
            args.output,
            features,
            workers=args.workers,
            strict=args.strict,
            progress=progress(args.quiet, "features"),
        )
    shape = (summary.n_clips, features.n_mels, features.n_frames, 1)
    what = (
        f"{summary.n_recordings} recordings, {summary.seconds / 60:.1f} minutes, as {summary.n_clips} clips of "
        f"{100 * summary.fill:.0f} % sound"
    )
    if not summary.written:
        say(f"Nothing has changed: {printable(args.output)} holds {what}.")
    else:
        say(f"Wrote {printable(args.output)} {shape} and {printable(dataset.sidecar_path(args.output))}: {what}.")
        say(f"{summary.n_computed} recordings were new or had changed; preset {features.preset}, {features.sr} Hz.")
    name_left_out(summary.left_out, "left out", say)
    for line in preflight.describe(summary.columns) if for_training else ():
        say(line)


def name_left_out(left_out: list[tuple[str, str]], verb: str, say: Callable[[str], None]) -> None:
    """Nothing; the recordings that were not used are said, each with the reason."""
    if left_out:
        say(f"{len(left_out)} recordings were {verb}:")
        for name, reason in left_out:
            name, reason = printable(name), printable(reason)
            say(f"  {reason}" if name in reason else f"  {name}: {reason}")


def describe_latent(features: FeatureConfig, config: ModelConfig, say: Callable[[str], None]) -> None:
    """Nothing; the sizes of the latent and of the input are said."""
    latent = config.latent_size / config.frames_per_latent * features.frame_rate
    values = features.n_mels * features.frame_rate
    say(
        f"Latent: {config.latent_size} numbers for {config.frames_per_latent} frames, {latent:.0f} a second; "
        f"the log-mel has {values:,.0f} a second, {values / latent:.1f} times as many."
    )


def describe_training(result, say: Callable[[str], None], *, can_resume: bool) -> None:
    """Nothing; how training went and what to do next is said."""
    planned = f"{len(result.history)} of {result.n_epochs} epochs"
    say(
        {
            "done": f"Trained for {len(result.history)} epochs.",
            "time": f"The time is up after {planned}.",
            "patience": f"Nothing more was gained: stopped after {planned}.",
            "interrupted": f"Interrupted after {planned}" + ("; --resume goes on from there." if can_resume else "."),
        }[result.ended]
    )
    say(f"{result.model.network.n_weights:,} weights; the best epoch is {result.best_epoch}.")
    say(
        f"On validation, PCA with as many numbers in brackets: RMS log-mel error {result.best_db:.3f} dB "
        f"({result.baseline_db:.3f}), loss {result.best_loss:.4f} ({result.baseline_loss:.4f})."
    )
    codec = result.model.description["codec"]
    if codec:
        low, high = codec["kbits"]
        say(f"As a codec, it takes {low:.2f} to {high:.2f} kbit/s, in {codec['qualities']} quality steps.")


def describe_encoded(
    results: list, paths: list[Path], where: Path, bitrate: float | None, say: Callable[[str], None]
) -> None:
    """Nothing; what the recordings at paths became, codec.Encoded each, at `where`, is said."""
    n_bytes, seconds = sum(result.n_bytes for result in results), sum(result.seconds for result in results)
    original = sum(path.stat().st_size for path in paths)
    steps = sorted({quality for result in results for quality in result.qualities})
    files = printable(where) if len(paths) == 1 else f"{len(paths)} files to {printable(where)}"
    of_what = printable(paths[0]) if len(paths) == 1 else "the recordings"
    say(
        f"Wrote {files}: {n_bytes:,} bytes for {seconds:,.2f} s, {8 * n_bytes / seconds / 1_000:.2f} kbit/s, "
        f"1/{original / n_bytes:.1f} of {of_what} ({original:,} bytes); "
        f"quality {'step' if len(steps) == 1 else 'steps'} {' to '.join(map(str, sorted({steps[0], steps[-1]})))}."
    )
    missed = sum(not result.is_within for result in results)
    if missed:
        say(f"{missed} of {len(results)} take more than {bitrate} kbit/s even at the coarsest quality step.")


def total_duration_s(paths: list[Path]) -> float:
    """The seconds of all recordings together. Raises InputError, before a slow start, when one is none."""
    from speech_autoencoder.audio.recordings import describe

    return sum(describe(path).duration_s for path in paths)


def output_paths(paths: list[Path], output: Path, output_dir: Path | None) -> list[Path]:
    """Where each reconstruction goes. Raises InputError when two would have one name, or would replace an original."""
    if output_dir is None:
        if len(paths) > 1:
            raise InputError(f"{len(paths)} recordings need --output-dir, a folder for their reconstructions.")
        outputs = [output]
    else:
        outputs = [output_dir / f"{path.stem}.wav" for path in paths]
    require_own_names(paths, outputs)
    return outputs


def require_own_names(paths: list[Path], outputs: list[Path]) -> None:
    """Nothing. Raises InputError when two outputs would have one name, or one would replace what is read."""
    taken: dict[Path, Path] = {}
    originals = {path.resolve() for path in paths}
    for path, target in zip(paths, outputs, strict=True):
        if target in taken:
            raise InputError(
                f"{printable(path)} and {printable(taken[target])} would both become {printable(target)}: do them one at a time."
            )
        taken[target] = path
        if target.resolve() in originals:
            raise InputError(
                f"{printable(target)} is a recording to reconstruct, which would be lost: write elsewhere."
            )
