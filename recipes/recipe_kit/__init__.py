"""What the recipes share: command lines, runs, data sets and figures.

`rnn_kit` is the library that they teach and use, and knows nothing of this package.
"""
