"""The sender as its users run it: real processes, real databases, the official SDKs."""
