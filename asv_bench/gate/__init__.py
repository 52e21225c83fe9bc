"""The regression gate: two commits side by side on one machine, with a stated rate of false alarms.

`checkouts` unpacks the commits, `selection` finds their benchmarks, `worker` is the child process that runs one, `pairs` measures
one round of two of them, `signed_rank` is the test, `comparison` the loop over rounds, `table` what is shown and kept, and
`__main__` the command.
"""
