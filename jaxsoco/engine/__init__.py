"""The engine: rollouts, blocks of runs, sweeps and their crash-safe store."""
