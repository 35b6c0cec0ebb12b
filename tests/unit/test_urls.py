"""URLs: one spelling for each, and which are refused."""

import pickle
from ipaddress import ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.errors import Fault, InvalidLink, LinkFlaw, Reason
from worker.urls import normalise

# Python 3.13 writes the last part with dots.
MAPPED = str(ip_address("::ffff:127.0.0.1"))


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("https://example.com/v?id=1", "https://example.com/v?id=1"),
        ("HTTPS://Example.COM/Video", "https://example.com/Video"),
        ("example.com", "https://example.com/"),
        ("www.example.com/a", "https://www.example.com/a"),
        ("example.com:8080/x", "https://example.com:8080/x"),
        ("http://example.com:80/", "http://example.com/"),
        ("https://example.com:443", "https://example.com/"),
        ("http://example.com:443/", "http://example.com:443/"),
        ("https://example.com:/x", "https://example.com/x"),
        ("https://example.com./x", "https://example.com/x"),
        ("https://example.com/x#t=10", "https://example.com/x#t=10"),
        ("https://example.com/x#", "https://example.com/x"),
        ("https://example.com/?", "https://example.com/"),
        ("https://bücher.example/ä?ö=ü", "https://xn--bcher-kva.example/%C3%A4?%C3%B6=%C3%BC"),
        ("https://BÜCHER.example/", "https://xn--bcher-kva.example/"),
        ("https://пример.рф", "https://xn--e1afmkfd.xn--p1ai/"),
        ("https://under_score.example/", "https://under_score.example/"),
        ("https://example.com/%C3%A4", "https://example.com/%C3%A4"),
        ('https://example.com/"<x>', "https://example.com/%22%3Cx%3E"),
        ("http://127.0.0.1:8081/clip.mp4", "http://127.0.0.1:8081/clip.mp4"),
        ("http://[::0001]:8081/", "http://[::1]:8081/"),
        ("  https://example.com/ \n", "https://example.com/"),
        ("http://example.com:1024/", "http://example.com:1024/"),
        ("http://example.com:00080/", "http://example.com/"),
        ("https://example.com:80/", "https://example.com:80/"),
        ("https://example.com:65535/", "https://example.com:65535/"),
        # What looks like another host to people is the host that it is, for all who judge it.
        ("http://１２７.０.０.１/", "http://127.0.0.1/"),
        ("http://127。0。0。1/", "http://127.0.0.1/"),
        ("http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/", "http://localhost/"),
        ("http://0x7F.1/", "http://0x7f.1/"),
        ("http://[::FFFF:127.0.0.1]/", f"http://[{MAPPED}]/"),
        ("http://[0:0::ffff:7f00:1]/", f"http://[{MAPPED}]/"),
        ("https://example.com/../../etc/passwd", "https://example.com/../../etc/passwd"),
        ("https://example.com/?a=$(id);`id`", "https://example.com/?a=$(id);%60id%60"),
        ("https://example.com/--exec=id", "https://example.com/--exec=id"),
        ("https://example.com/%(id)s{0}%n", "https://example.com/%(id)s%7B0%7D%n"),
        (
            "https://example.com/?next=http://127.0.0.1/",
            "https://example.com/?next=http://127.0.0.1/",
        ),
    ],
)
def test_every_spelling_of_a_link_becomes_one(url: str, normal: str) -> None:
    assert normalise(url) == normal
    assert normalise(normal) == normal


@pytest.mark.parametrize(
    ("url", "flaw"),
    [
        ("https://example.com/" + "x" * 2029, LinkFlaw.TOO_LONG),
        ("https://example.com/" + "ä" * 400, LinkFlaw.TOO_LONG),  # once percent-encoded
        ("ftp://example.com/clip.mp4", LinkFlaw.SCHEME),
        ("file:///etc/passwd", LinkFlaw.SCHEME),
        ("javascript:alert()", LinkFlaw.SCHEME),
        ("data:text/html,x", LinkFlaw.SCHEME),
        ("mailto:ada@example.com", LinkFlaw.SCHEME),
        ("ytsearch:cats", LinkFlaw.SCHEME),
        ("http:/example.com", LinkFlaw.SCHEME),
        ("tg://user?id=1", LinkFlaw.SCHEME),
        ("https://ada:secret@example.com/", LinkFlaw.CREDENTIALS),
        ("https://example.com@127.0.0.1/", LinkFlaw.CREDENTIALS),
        ("ada@example.com", LinkFlaw.CREDENTIALS),
        ("https://example.com\\@127.0.0.1/", LinkFlaw.CHARACTERS),
        ("https://example.com/a b", LinkFlaw.CHARACTERS),
        ("https://example.com/\r\nHost: x", LinkFlaw.CHARACTERS),
        ("https://example.com/\x00", LinkFlaw.CHARACTERS),
        ("https://example.com/\u202egpj", LinkFlaw.CHARACTERS),
        ("https://example.com/\ud800", LinkFlaw.CHARACTERS),
        ("", LinkFlaw.HOST),
        ("https://", LinkFlaw.HOST),
        ("https:///path", LinkFlaw.HOST),
        ("https://example..com/", LinkFlaw.HOST),
        ("https://example.com:65536/", LinkFlaw.HOST),
        ("https://example.com:http/", LinkFlaw.HOST),
        ("https://[::1/", LinkFlaw.HOST),
        ("https://[fe80::1%eth0]/", LinkFlaw.HOST),
        ("https://exa$mple.com/", LinkFlaw.HOST),
        ("https://" + "x" * 64 + ".com/", LinkFlaw.HOST),
        ("https://" + "x." * 127 + "com/", LinkFlaw.HOST),
        ("https://example.com%00.evil.example/", LinkFlaw.HOST),
        ("https://%31%32%37.0.0.1/", LinkFlaw.HOST),
        ("https://example.com&evil.example/", LinkFlaw.HOST),
        ("https://[127.0.0.1]/", LinkFlaw.HOST),
        ("https://[v1.x]/", LinkFlaw.HOST),
        ("https://example.com:-1/", LinkFlaw.HOST),
        ("https://example.com:٤٤٣/", LinkFlaw.HOST),
        ("https://[::1]example.com/", LinkFlaw.HOST),
        ("https://example.com[::1]/", LinkFlaw.HOST),
        ("https://[::1]example.com:443/", LinkFlaw.HOST),
        ("https://\u2024example.com/", LinkFlaw.HOST),
        ("http://example.com:22/", LinkFlaw.PORT),
        ("http://example.com:25/x", LinkFlaw.PORT),
        ("http://example.com:0/", LinkFlaw.PORT),
        ("example.com:21/x", LinkFlaw.PORT),
        ("https://example.com:1023/", LinkFlaw.PORT),
        ("-o/etc/passwd", LinkFlaw.HOST),
        ("--exec", LinkFlaw.HOST),
        ("/etc/passwd", LinkFlaw.HOST),
        ("//127.0.0.1/x", LinkFlaw.HOST),
        ("https:\\\\example.com/", LinkFlaw.CHARACTERS),
        ("https://example.com\t.evil.example/", LinkFlaw.CHARACTERS),
        ("https://example.com/\u2028x", LinkFlaw.CHARACTERS),
        ("https://example.com/\u00adx", LinkFlaw.CHARACTERS),
        ("https://exa\u200bmple.com/", LinkFlaw.CHARACTERS),
        ("https://:@example.com/", LinkFlaw.CREDENTIALS),
        ("https://example.com:443@127.0.0.1:80/", LinkFlaw.CREDENTIALS),
        ("https+http://example.com/", LinkFlaw.SCHEME),
        ("view-source:https://example.com/", LinkFlaw.SCHEME),
        ("blob:https://example.com/", LinkFlaw.SCHEME),
        ("gopher://example.com/", LinkFlaw.SCHEME),
        ("rtmp://example.com/live", LinkFlaw.SCHEME),
    ],
)
def test_a_link_that_is_none_of_ours_is_refused(url: str, flaw: LinkFlaw) -> None:
    with pytest.raises(InvalidLink) as caught:
        normalise(url)
    assert caught.value.flaw is flaw
    assert (caught.value.reason, caught.value.fault) == (Reason.INVALID_LINK, Fault.PERMANENT)


def test_a_refusal_travels_between_processes_without_the_link() -> None:
    with pytest.raises(InvalidLink) as caught:
        normalise("ftp://secret.example/")
    copy = pickle.loads(pickle.dumps(caught.value))
    assert isinstance(copy, InvalidLink)
    assert copy.flaw is LinkFlaw.SCHEME
    assert "secret" not in f"{copy!r} {copy}"


@settings(deadline=None)  # a busy machine is no bug
@given(st.text() | st.from_regex(r"(https?://)?[^\s]{0,20}\.[a-zß-ü]{2,5}(:\d+)?/[^\s]*"))
def test_normalising_any_text_is_stable_or_refused(text: str) -> None:
    try:
        normal = normalise(text)
    except InvalidLink:
        return
    assert normal.isascii()
    assert normal.startswith(("http://", "https://"))
    assert normalise(normal) == normal
