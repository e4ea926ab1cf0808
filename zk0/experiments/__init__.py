"""Federated learning in one process: the same learning code and rules, without machines.

For simulations, comparisons and benchmarks. Nothing here is part of a network.
"""
