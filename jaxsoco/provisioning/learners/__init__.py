"""The learners, one file each; `_shared` has what several of them do."""
