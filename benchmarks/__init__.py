"""Speed, memory and ablations, each run as a module from the repository's root: ``python -m benchmarks.methods``."""
