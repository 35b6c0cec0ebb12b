"""Links to the media site that work, for people: path and what to expect."""

SAMPLES = {
    "/clip.mp4": "a video",
    "/audio.m4a": "sound only",
    "/hls/master.m3u8": "an HLS stream",
    "/hls-aes/master.m3u8": "an encrypted HLS stream",
    "/dash/manifest.mpd": "a DASH stream",
    "/qualities/master.m3u8": "a video in two qualities",
    "/heights/master.m3u8": "a video in four, of which not all can be sent",
    "/page.html": "a page with a video in it",
    "/described.html": "a page that says much about its video",
    "/redirect": "a redirect to a video",
    "/feed.xml?items=12&missing=3": "a list of twelve, of which one is gone",
    "/slow/sample.mp4?seconds=10": "a slow site",
    "/flaky/sample.mp4?fails=1": "a site that fails once",
    "/text.html": "a page without media",
    "/404.mp4": "a dead link",
    "/large.mp4?mb=600": "a file that is too large",
    "/stall.mp4": "a download that stalls",
}
