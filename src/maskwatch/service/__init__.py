"""The HTTP service behind `maskwatch serve`; what may be used from elsewhere is its client."""
