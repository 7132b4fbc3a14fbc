"""The parts of benchmarks/archive.py: speed, safety, memory and the looks of joints."""
