"""Gives the bot time to stop its jobs and to say so, as a busy machine needs it."""

import bot
from tests.sandbox.patience import PATIENCE_S
from worker.dispatch import dispatcher

dispatcher.STOP_PATIENCE_S = dispatcher.PAUSE_PATIENCE_S = PATIENCE_S
bot.DISPATCHER_STOP_S = 2 * PATIENCE_S
