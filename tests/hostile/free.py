"""The same payload, with what confines it taken away; the bot itself is as it is."""

from tests.hostile import confined  # noqa: F401 - imported for what it does
from worker.downloads import session
from worker.downloads.confinement import capabilities, egress_guard, landlock, seccomp
from worker.downloads.confinement.network import Network
from worker.downloads.judge.client import open_client

landlock.confine = lambda *_: False
vars(landlock)["forbid_tcp"] = lambda **_: None
seccomp.is_offered = lambda: False
egress_guard.install = lambda *_, **__: egress_guard.Guard()
capabilities.drop = lambda: None
vars(session)["open_client"] = lambda judge, _, proxy: open_client(judge, Network.NONE, proxy)
