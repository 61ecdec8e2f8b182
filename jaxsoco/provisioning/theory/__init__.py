"""The mathematics of the family: confidence sets, tabular models, queues."""
