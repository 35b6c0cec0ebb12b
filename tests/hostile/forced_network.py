"""For IN_MAIN: the bot keeps its downloads from the network as FORCED_NETWORK says."""

import os

from worker.downloads.confinement import network
from worker.downloads.confinement.network import Network

_forced = Network(os.environ["FORCED_NETWORK"])
vars(network)["active"] = lambda: _forced
