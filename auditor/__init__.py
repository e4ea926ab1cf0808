"""Anyone's check of a finished round: everything that is public, computed again and compared."""
