"""Which of the three ways to keep a download from the network this kernel permits."""

from __future__ import annotations

import pytest

from worker.downloads.confinement import landlock, network, seccomp
from worker.downloads.confinement.network import Network

_IS_PERMITTED = {
    Network.NAMESPACE: network.active() is Network.NAMESPACE,
    Network.LANDLOCK: landlock.abi() >= landlock.TCP_ABI and seccomp.is_offered(),
    Network.NONE: True,
}

NETWORKS = [
    pytest.param(
        each,
        marks=pytest.mark.skipif(not is_permitted, reason=f"this kernel permits no {each}"),
        id=each,
    )
    for each, is_permitted in _IS_PERMITTED.items()
]
"""All three, for `parametrize`."""
