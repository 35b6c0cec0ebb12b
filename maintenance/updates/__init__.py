"""Updates of yt-dlp: installed beside the environment, tried, chosen, watched, gone back from.

`updater` does it, `packages` asks pip, `canary` tries what was installed, `watch` decides whether
it does worse than the one before. `background` runs it for the bot, in a process of its own.
"""
