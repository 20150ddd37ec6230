"""Things for tests, benchmarks and checks."""
