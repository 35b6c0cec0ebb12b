"""The same payload on a kernel that offers no Landlock."""

from tests.hostile import confined  # noqa: F401 - imported for what it does
from worker.downloads.confinement import landlock

landlock.abi = lambda: 0
