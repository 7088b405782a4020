"""The test plan as data, and what reads it: the runner of the cases, its reports."""
