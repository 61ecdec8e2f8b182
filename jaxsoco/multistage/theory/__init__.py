"""Mathematics of trees of agents: trees, a job's way, expected costs, rates and bounds."""
