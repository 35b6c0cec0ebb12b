"""What the tables of texts leave alone."""

from worker.downloads.ytdlp.error_texts import classify_site_text, classify_text

HINT = (
    " Use --cookies-from-browser or --cookies for the authentication. See"
    "  https://github.com/yt-dlp/yt-dlp/wiki/FAQ  for how to manually pass cookies"
)


def test_words_of_one_site_do_not_count_at_another() -> None:
    assert classify_site_text("You need to log in to access this content", "Example") is None
    assert classify_site_text("Offline.", "vimeo") is None


def test_a_text_that_says_nothing_known_is_not_classified() -> None:
    assert classify_text("Something strange has come to pass") is None


def test_advice_to_use_cookies_is_no_reason() -> None:
    assert classify_text(f"Something strange has come to pass.{HINT}") is None
