#!/bin/bash
# A job array of PBS: every member takes a share of the experiment and writes to one directory.
#
#   qsub -v SPEC=experiments/quickstart.toml,OUT=runs/quickstart pbs_array.sh
#
# PBS does not tell a member how many there are: JAXSOCO_SHARES below goes with -J.
# One GPU a member: -l select=1:ncpus=1:ngpus=1:mem=16gb
#PBS -N jaxsoco
#PBS -J 0-15
#PBS -l select=1:ncpus=1:mem=4gb
#PBS -l walltime=04:00:00
#PBS -r y
#PBS -j oe
set -u

export JAXSOCO_SHARES=16
cd "${PBS_O_WORKDIR:?}" || exit 2

# Activate your environment here, if jaxsoco is not on the PATH:
# source "$HOME/venv/bin/activate"

# Ten minutes less than the walltime: no pack begins that would not end before. Exit code 75 says
# that there is more to do: submit the same again, which computes nothing twice.
jaxsoco run "${SPEC:?}" --out "${OUT:?}" --share auto --time-limit 3h50m
