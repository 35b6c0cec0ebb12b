"""Updates of yt-dlp: install one beside the environment, try it, use it, watch it, take it back.

`updater` performs an update or a rollback: `packages` asks pip, `children` runs its programs,
`canary` tries what was installed, `situation` tells which yt-dlp is in use. For the running bot,
`keeper` decides when to update, `background` runs the updater in a process of its own, and `watch`
decides whether links do worse than before.
"""
