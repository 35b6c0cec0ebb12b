"""The two pools and the jobs that run in them."""
