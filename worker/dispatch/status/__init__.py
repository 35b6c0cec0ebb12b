"""Status messages and chat actions: what a chat shows of a request until it is answered."""
