"""Members of job arrays find their shares in the variables of the batch system."""

import pytest

from jaxsoco.core.errors import InputError
from jaxsoco.engine.requests import Share
from jaxsoco.experiment.shares import share_of


@pytest.mark.parametrize(
    ("environment", "share"),
    [
        ({"SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_COUNT": "16"}, Share(3, 16)),
        (
            {
                "SLURM_ARRAY_TASK_ID": "7",
                "SLURM_ARRAY_TASK_MIN": "1",
                "SLURM_ARRAY_TASK_STEP": "2",
                "SLURM_ARRAY_TASK_COUNT": "5",
            },
            Share(3, 5),
        ),
        ({"JOB_COMPLETION_INDEX": "0", "JAXSOCO_SHARES": "8"}, Share(0, 8)),
        ({"PBS_ARRAY_INDEX": "7", "JAXSOCO_SHARES": "8"}, Share(7, 8)),
        ({"SGE_TASK_ID": "1", "SGE_TASK_LAST": "4"}, Share(0, 4)),
        (
            {
                "SGE_TASK_ID": "20",
                "SGE_TASK_FIRST": "10",
                "SGE_TASK_LAST": "40",
                "SGE_TASK_STEPSIZE": "10",
            },
            Share(1, 4),
        ),
        ({"LSB_JOBINDEX": "16", "LSB_JOBINDEX_END": "16"}, Share(15, 16)),
        (
            {"SGE_TASK_ID": "undefined", "JOB_COMPLETION_INDEX": "1", "JAXSOCO_SHARES": "2"},
            Share(1, 2),
        ),
    ],
)
def test_a_member_finds_its_share(environment, share):
    assert share_of(environment) == share


def test_every_run_has_one_member():
    environment = {"SLURM_ARRAY_TASK_MIN": "4", "SLURM_ARRAY_TASK_COUNT": "9"}
    shares = [share_of(environment | {"SLURM_ARRAY_TASK_ID": str(4 + i)}) for i in range(9)]
    assert shares == [Share(i, 9) for i in range(9)]


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({}, r"no member of a job array \(none of SLURM_ARRAY_TASK_ID, .* is set\)"),
        ({"SGE_TASK_ID": "undefined"}, "no member of a job array"),
        ({"JOB_COMPLETION_INDEX": "3"}, r"JAXSOCO_SHARES is not set \(set it to the number"),
        ({"SLURM_ARRAY_TASK_ID": "3"}, r"SLURM_ARRAY_TASK_COUNT is not set"),
        ({"PBS_ARRAY_INDEX": "8", "JAXSOCO_SHARES": "8"}, r"is 8, and there .* number them 0 to 7"),
        ({"PBS_ARRAY_INDEX": "x", "JAXSOCO_SHARES": "8"}, 'PBS_ARRAY_INDEX is "x"'),
        ({"PBS_ARRAY_INDEX": "1", "JAXSOCO_SHARES": "9" * 5000}, "want a whole number"),
    ],
)
def test_what_does_not_say_is_bad_input(environment, message):
    with pytest.raises(InputError, match=message):
        share_of(environment)
