"""Which of the three ways to keep a download from the network this kernel permits."""

from __future__ import annotations

import pytest

from tests.support.exhaustive import EXHAUSTIVE
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

ONE_NETWORK = [
    pytest.param(
        *found.values,
        marks=[*found.marks, *([] if found.values[0] is network.active() else [EXHAUSTIVE])],
        id=found.id,
    )
    for found in NETWORKS
]
"""The same, of which the suite runs the one that downloads have here."""
