"""What a download gives up before it runs, and what of the machine it still reaches."""
