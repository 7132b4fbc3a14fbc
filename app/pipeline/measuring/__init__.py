"""Where the time goes: stages, latency, and the benchmark of this machine."""
