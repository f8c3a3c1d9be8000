"""Migrations of the inbox."""

__all__: list[str] = []
