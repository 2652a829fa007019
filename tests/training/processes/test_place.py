"""How a process finds its place among others: by Keras' variables, Open MPI's or Slurm's."""

import pytest

from speech_autoencoder.errors import InputError
from speech_autoencoder.training.processes import place as places
from speech_autoencoder.training.processes.place import Place, find_place
from tests.helpers.common import one_line_of

KERAS = {
    "KERAS_DISTRIBUTION_NUM_PROCESSES": "2",
    "KERAS_DISTRIBUTION_PROCESS_ID": "1",
    "KERAS_DISTRIBUTION_JOB_ADDRESSES": "10.0.0.1:1234,10.0.0.2:1234",
}
SLURM = {
    "SLURM_JOB_ID": "77",
    "SLURM_STEP_ID": "0",
    "SLURM_PROCID": "5",
    "SLURM_NTASKS": "6",
    "SLURM_LOCALID": "1",
    "SLURM_NODEID": "2",
    "SLURM_STEP_NODELIST": "node[007-009,012],other3",
    "SLURM_STEP_TASKS_PER_NODE": "2(x3)",
}
MPI = {
    "OMPI_COMM_WORLD_SIZE": "4",
    "OMPI_COMM_WORLD_RANK": "2",
    "OMPI_COMM_WORLD_LOCAL_RANK": "0",
    "OMPI_COMM_WORLD_LOCAL_SIZE": "2",
    "PMIX_NAMESPACE": "prterun-a-7@1",
}
URI = {"OMPI_MCA_orte_hnp_uri": "1531576320.0;tcp://10.96.0.1,10.148.0.1:34911"}


def test_find_place_without_others_is_none():
    assert find_place({"PATH": "/bin"}) is None
    assert find_place(KERAS | {"KERAS_DISTRIBUTION_NUM_PROCESSES": "1", "KERAS_DISTRIBUTION_PROCESS_ID": "0"}) is None
    assert find_place(SLURM | {"SLURM_STEP_NUM_TASKS": "1", "SLURM_PROCID": "0"}) is None


def test_find_place_in_a_batch_script_without_srun_is_none():
    """There, Slurm tells how many tasks srun would start, and this is not one of them."""
    assert find_place({key: value for key, value in SLURM.items() if "STEP" not in key}) is None


def test_find_place_of_keras_variables():
    assert find_place(KERAS) == Place(1, 2, "10.0.0.1", 1234)


@pytest.mark.parametrize(
    ("nodes", "host"),
    [("node[007-009,012],other3", "node007"), ("n1,n2", "n1"), ("localhost", "localhost"), ("a-[3,5]", "a-3")],
)
def test_find_place_of_slurm_names_the_first_node(nodes, host):
    place = find_place(SLURM | {"SLURM_STEP_NODELIST": nodes})
    assert (place.number, place.count, place.host) == (5, 6, host)


def test_find_place_of_slurm_has_a_port_of_the_step():
    ports = [find_place(SLURM | {"SLURM_PROCID": number}).port for number in "012345"]
    assert len(set(ports)) == 1
    assert ports[0] != find_place(SLURM | {"SLURM_STEP_ID": "1"}).port
    assert 2**15 < ports[0] < 2**16


def test_find_place_of_open_mpi():
    place = find_place(MPI | URI)
    assert (place.number, place.count, place.host) == (2, 4, "10.96.0.1")
    assert find_place(MPI | {"OMPI_COMM_WORLD_LOCAL_SIZE": "4"}).host == "127.0.0.1"
    assert find_place(MPI | {"KERAS_DISTRIBUTION_JOB_ADDRESSES": "[fe80::1]:99"}) == Place(2, 4, "fe80::1", 99)


@pytest.mark.parametrize(
    ("visible", "devices"), [("0,1,2,3", (1, 3)), ("4,5", (1,)), ("6", None), ("", None)], ids=["4", "2", "1", "0"]
)
def test_find_place_shares_the_gpus_of_a_node(tmp_path, monkeypatch, visible, devices):
    """As many as processes or more are divided; fewer were given to this process by Slurm."""
    monkeypatch.setattr(places, "_DEVICES", tmp_path)
    assert find_place(SLURM | {"CUDA_VISIBLE_DEVICES": visible}).devices == devices


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"KERAS_DISTRIBUTION_NUM_PROCESSES": "2"}, "KERAS_DISTRIBUTION_PROCESS_ID is not set"),
        (KERAS | {"KERAS_DISTRIBUTION_PROCESS_ID": "2"}, "has the number 2 of 2: expected 0 to 1"),
        (KERAS | {"KERAS_DISTRIBUTION_PROCESS_ID": "-1"}, "is '-1': expected a whole number"),
        (KERAS | {"KERAS_DISTRIBUTION_JOB_ADDRESSES": "node1"}, "is 'node1': expected HOST:PORT"),
        (MPI, "does not tell where process 0 runs: give KERAS_DISTRIBUTION_JOB_ADDRESSES=HOST:PORT"),
    ],
)
def test_find_place_variables_that_are_wrong_are_named(environment, message):
    with pytest.raises(InputError) as error:
        find_place(environment)
    assert message in one_line_of(error)
