"""Kept counts and events in SQLite, corrected answers in a folder, and their export."""
