"""Benchmarks: how fast the library is, beside the raw limit of the same server in the same run."""
