"""The regression gate: two commits side by side on one machine, with a stated rate of false alarms.

`checkouts` unpacks the commits, `worker` is the child process that runs a benchmark, `pairs` measures one round of two of them,
`signed_rank` is the test, `comparison` the loop over rounds, `table` what is shown and kept, and `__main__` the command.
"""
