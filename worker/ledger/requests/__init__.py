"""From a person's link to its one answer: who may ask, what is known, how links are taken back."""
