"""The table of jobs: which there are, which is taken next, and whose turn it is."""
