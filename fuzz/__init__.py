"""Fuzzing of everything that reads bytes from elsewhere: `python -m fuzz TARGET --seconds 600`.

One parser is one file of `targets/`. An input must end in a value or in a VillaniError of one line, within ten seconds and a
gigabyte; anything else is a finding, kept with the bytes that provoke it. With atheris inputs are led by coverage.
"""
