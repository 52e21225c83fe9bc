"""Campaigns of many independent units that survive being stopped, and run on one process, on several, or on a cluster.

A unit is a pure function of its key. Units are made from settings, computed by workers behind a standard executor, and kept in one
SQLite file as they finish; tables are made from what is kept.
"""
