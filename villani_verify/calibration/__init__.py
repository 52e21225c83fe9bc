"""Calibration: how often intervals cover, true landscapes are refuted, and false ones are found out.

`python -m villani_verify.calibration --out DIR` measures all three; `measured.json` beside this file holds the figures of the last
full run, and every report shows them.
"""
