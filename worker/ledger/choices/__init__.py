"""What people choose below an answer, and the looks that such a menu needs."""
