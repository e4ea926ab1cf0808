"""The demo: a whole network on one machine, and what came out of it."""
