"""Gives the bot a maintenance that looks at things several times a second."""

from maintenance import janitor

janitor.TICK_S = janitor.SITES_S = janitor.PUBLISH_S = 0.2
janitor.SAMPLE_S = 0.5
