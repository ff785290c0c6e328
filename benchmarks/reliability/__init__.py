"""What faults cost, measured with the real parts: `python -m benchmarks.reliability`."""
