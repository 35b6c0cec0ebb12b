"""What a chat shows of a request until it is answered."""
