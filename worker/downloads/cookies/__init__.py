"""The cookies of a site, lent to a download that fails without, and taken back after it."""
