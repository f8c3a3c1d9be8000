"""Real servers for the tests of stores, from wheels."""
