#!/bin/bash
# A job array of Slurm: every member takes a share of the experiment and writes to one directory.
#
#   sbatch slurm_array.sh experiments/quickstart.toml runs/quickstart
#
# More members: sbatch --array=0-63 slurm_array.sh ...; Slurm tells them how many they are.
# One GPU a member: sbatch --gpus=1 slurm_array.sh ...
#SBATCH --job-name=jaxsoco
#SBATCH --array=0-15
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=1
#SBATCH --mem=4G
#SBATCH --time=04:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%x-%A_%a.log
set -u

spec=${1:?usage: sbatch slurm_array.sh SPEC DIR}
out=${2:?usage: sbatch slurm_array.sh SPEC DIR}

# Activate your environment here, if jaxsoco is not on the PATH:
# source "$HOME/venv/bin/activate"

# Ten minutes less than --time above: no pack begins that would not end before.
jaxsoco run "$spec" --out "$out" --share auto --time-limit 3h50m
code=$?

# 75: there is more to do than fits the time, or a signal came first. What is done is kept.
if [ "$code" -eq 75 ]; then
  scontrol requeue "${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}"
fi
exit "$code"
