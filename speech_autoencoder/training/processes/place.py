"""Which of the processes of a training this one is, as Slurm, Open MPI or Keras' variables tell it."""

import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from speech_autoencoder.errors import InputError

ADDRESSES = "KERAS_DISTRIBUTION_JOB_ADDRESSES"
_COUNT = "KERAS_DISTRIBUTION_NUM_PROCESSES"
_NUMBER = "KERAS_DISTRIBUTION_PROCESS_ID"
# Ports above those that Linux gives to connections of its own, from which a job takes one.
_FIRST_PORT = 61_440
_N_PORTS = 4_095
_DEVICES = Path("/dev")


@dataclass(frozen=True)
class Place:
    """One of the processes of a training.

    Attributes
    ----------
    number : int
        Its number, from 0.
    count : int
        How many processes there are.
    host, port : str, int
        Where process 0 listens.
    devices : tuple[int, ...] or None
        The GPUs of the machine that are this process'; None: all that it sees.
    """

    number: int
    count: int
    host: str
    port: int
    devices: tuple[int, ...] | None = None

    @property
    def name(self) -> str:
        """What messages call the process."""
        return f"process {self.number} of {self.count}"


def find_place(environment: Mapping[str, str]) -> Place | None:
    """Return the place of this process, None if it trains alone.

    Raises
    ------
    InputError
        If variables are missing or contradict each other.
    """
    if _COUNT in environment or _NUMBER in environment:
        place = _of_keras(environment)
    elif "OMPI_COMM_WORLD_SIZE" in environment:
        place = _of_open_mpi(environment)
    elif "SLURM_PROCID" in environment and "SLURM_STEP_NODELIST" in environment:  # started by srun
        place = _of_slurm(environment)
    else:
        return None
    if not 0 <= place.number < place.count:
        raise InputError(
            f"This process has the number {place.number} of {place.count}: expected 0 to {place.count - 1}."
        )
    return place if place.count > 1 else None


def _of_keras(environment: Mapping[str, str]) -> Place:
    """Return the place that Keras' own variables tell."""
    for name in (_COUNT, _NUMBER, ADDRESSES):
        if not environment.get(name):
            raise InputError(
                f"{name} is not set: set {_COUNT}, {_NUMBER} (from 0) and {ADDRESSES} (HOST:PORT of process 0) for "
                "each process."
            )
    return Place(_number(environment, _NUMBER), _number(environment, _COUNT), *_address(environment))


def _of_open_mpi(environment: Mapping[str, str]) -> Place:
    """Return the place that mpirun tells."""
    count = _number(environment, "OMPI_COMM_WORLD_SIZE")
    n_here = _number(environment, "OMPI_COMM_WORLD_LOCAL_SIZE", count)
    launcher = re.search(r"tcp://([^,:]+)", environment.get("OMPI_MCA_orte_hnp_uri", ""))
    job = environment.get("PMIX_NAMESPACE") or environment.get("OMPI_MCA_ess_base_jobid", "")
    if environment.get(ADDRESSES):
        host, port = _address(environment)
    elif n_here == count or launcher:
        host, port = "127.0.0.1" if n_here == count or not launcher else launcher[1], _port_of(job)
    else:
        raise InputError(
            f"Open MPI does not tell where process 0 runs: give {ADDRESSES}=HOST:PORT to each process (mpirun -x)."
        )
    number = _number(environment, "OMPI_COMM_WORLD_RANK")
    here = _number(environment, "OMPI_COMM_WORLD_LOCAL_RANK", number)
    return Place(number, count, host, port, _share(here, n_here, environment))


def _of_slurm(environment: Mapping[str, str]) -> Place:
    """Return the place that srun tells."""
    counted = "SLURM_STEP_NUM_TASKS" if "SLURM_STEP_NUM_TASKS" in environment else "SLURM_NTASKS"
    if environment.get(ADDRESSES):
        host, port = _address(environment)
    else:
        # node001 of "node[001-015,020],other".
        first = re.match(r"([^,\[]+)(?:\[(\w+))?", environment["SLURM_STEP_NODELIST"])
        if not first:
            raise InputError(f"SLURM_STEP_NODELIST is {environment['SLURM_STEP_NODELIST']!r}: expected names of nodes.")
        host = first[1] + (first[2] or "")
        port = _port_of(f"{environment.get('SLURM_JOB_ID', '')}.{environment.get('SLURM_STEP_ID', '')}")
    n_here = _tasks_here(environment)
    share = _share(_number(environment, "SLURM_LOCALID", 0), n_here, environment) if n_here else None
    return Place(_number(environment, "SLURM_PROCID"), _number(environment, counted), host, port, share)


def _tasks_here(environment: Mapping[str, str]) -> int:
    """Return how many processes srun has started on this node, such as the 1 of the third node of "2(x2),1"; or 0."""
    node = _number(environment, "SLURM_NODEID", 0)
    for tasks, times in re.findall(r"(\d+)(?:\(x(\d+)\))?", environment.get("SLURM_STEP_TASKS_PER_NODE", "")):
        node -= int(times or 1)
        if node < 0:
            return int(tasks)
    return 0


def _share(here: int, n_here: int, environment: Mapping[str, str]) -> tuple[int, ...] | None:
    """Return the GPUs of process `here` of n_here on a machine: every n_here-th; None if they are not to be shared."""
    named = environment.get("CUDA_VISIBLE_DEVICES")
    n_gpus = len(named.split(",")) if named else len(list(_DEVICES.glob("nvidia[0-9]*")))
    # Fewer than processes: whoever started them has given each its own.
    return tuple(range(n_gpus))[here::n_here] if 1 < n_here <= n_gpus else None


def _port_of(job: str) -> int:
    """Return the same port in all processes of a job, and most likely another one in other jobs."""
    return _FIRST_PORT + zlib.crc32(job.encode()) % _N_PORTS


def _address(environment: Mapping[str, str]) -> tuple[str, int]:
    """Return the host and the port of process 0: the first of the addresses."""
    address = environment[ADDRESSES].split(",")[0].strip()
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 2**16:
        raise InputError(f"{ADDRESSES} is {environment[ADDRESSES]!r}: expected HOST:PORT of process 0.")
    return host.strip("[]"), int(port)


def _number(environment: Mapping[str, str], name: str, default: int | None = None) -> int:
    """Return the whole number in a variable."""
    value = environment.get(name)
    if value is None and default is not None:
        return default
    if value is None or not value.strip().isdigit():
        raise InputError(f"{name} is {value!r}: expected a whole number.")
    return int(value)
