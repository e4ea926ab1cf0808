"""`zk0-coordinator simulate` as a plain Flower app: `flwr run . local-simulation`.

`docs/flower.md`, *Flower's simulation engine*.
"""
