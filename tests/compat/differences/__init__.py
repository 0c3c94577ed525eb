"""The intended differences between python-dockerflow and this package.

Each module is named after its framework and has ``DIFFERENCES``, a list of
`tests.compat.compare.Difference`. The test fails for any other difference, and for a
listed difference that does not exist.
"""
