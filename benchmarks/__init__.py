"""What Hookseal costs: ours, the floor and the peers, side by side in one run.

``python -m benchmarks`` prints a table a section. Absolute figures belong to the machine; read the
ratios.
"""
