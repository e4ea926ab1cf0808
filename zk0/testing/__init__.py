"""Doubles for the ports: fast, in memory, held to the same suites as the real adapters."""
