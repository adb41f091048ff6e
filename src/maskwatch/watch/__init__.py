"""Many cameras in one process, their events and alerts: what `maskwatch watch` does."""
