"""Access traces: what they hold (trace.py) and the chain that shows nobody changed them (chain.py)."""
