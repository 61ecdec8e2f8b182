"""Right-sizing for a recorded load, planned: servers on by hour. What ``jaxsoco plan`` computes."""
