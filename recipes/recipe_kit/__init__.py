"""Code shared by the recipes: command lines, runs, data sets and figures.

`rnn_kit` is the library that they teach and use; it does not depend on this package.
"""
