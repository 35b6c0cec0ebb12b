"""Requests, from a link to its answer: who may ask, what is known, how links are taken back."""
