"""What a download process gives up before it reads anything from outside.

Runs in the download process, right after the fork and while that is still trusted: `isolation`
takes the steps one after the other, with the help of the other modules. From then on the process
is not trusted, and nothing in it can undo a step. A few functions only answer questions and run
elsewhere: `egress_guard.check_link` in the downloads worker, before the fork, `addresses` in the
judge, and `isolation.shortcoming` and `network.active` in the main process and the maintenance
commands. The worker makes the network that a download moves to, `network.Namespace`.
"""
