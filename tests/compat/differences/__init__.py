"""What python-dockerflow and this package do differently, each with its reason.

A module here is named after its framework and has ``DIFFERENCES``, a list of
`tests.compat.compare.Difference`. Whatever else differs fails the test, and so does a
difference that is listed and is none.
"""
