"""What a server says of a file: its name and its type."""

from email.message import Message

import pytest

from worker.downloads.ytdlp.network.served import served

ADDRESS = "https://files.example/get%20it.php?id=1"


def headers(**values: str) -> Message:
    message = Message()
    for name, value in values.items():
        message.add_header(name.replace("_", "-"), value)
    return message


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ('attachment; filename="Report 2.docx"', "Report 2.docx"),
        ("attachment; filename=plain.zip", "plain.zip"),
        ("ATTACHMENT; FILENAME=loud.zip", "loud.zip"),
        ("inline; filename*=UTF-8''%D0%9A%D0%B8%D0%BD%D0%BE.zip", "Кино.zip"),
        ("attachment; filename=\"x.zip\"; filename*=UTF-8''%C5%81.zip", "Ł.zip"),
        ('attachment; filename="Łódź.zip"'.encode().decode("latin-1"), "Łódź.zip"),
        ('attachment; filename="../../etc/passwd.zip"', "passwd.zip"),
        ('attachment; filename="C:\\\\evil\\\\name.zip"', "name.zip"),
        ("attachment; filename*=nonsense'%FF.zip", "nonsense'\ufffd.zip"),
    ],
)
def test_the_name_that_a_server_gives_comes_first(disposition: str, name: str) -> None:
    found = served(ADDRESS, headers(Content_Disposition=disposition))
    assert found.names[0] == name
    assert found.title == name.rpartition(".")[0]


@pytest.mark.parametrize(
    "disposition",
    [
        "",
        "attachment",
        "attachment; filename=",
        ";;=;",
        "\xff",
        "attachment; filename*=UTF-8''a; filename*0=b",
        "attachment; filename*=idna''%ff%fe",
        "attachment; filename*=undefined''x",
        "attachment; filename*=punycode''%ff",
    ],
)
def test_without_one_the_address_has_a_name(disposition: str) -> None:
    found = served(ADDRESS, headers(Content_Disposition=disposition))
    assert (found.names[0], found.title) == ("get it.php", "")


@pytest.mark.parametrize(
    ("content_type", "is_page", "last_name"),
    [
        ("text/html; charset=utf-8", True, "file.html"),
        ("Application/XHTML+XML", True, "file.xhtml"),
        ("application/json", False, "file.json"),
        ("application/xml", False, "file"),
        ("text/plain", False, "file"),
        ("application/octet-stream", False, "file"),
    ],
)
def test_a_type_says_whether_it_is_a_page(content_type: str, is_page: bool, last_name: str) -> None:
    found = served(ADDRESS, headers(Content_Type=content_type))
    assert (found.is_page, found.names[-1]) == (is_page, last_name)


@pytest.mark.parametrize(
    ("told", "has_length"),
    [
        ({}, False),
        ({"Content_Length": "7"}, True),
        ({"Transfer_Encoding": "chunked"}, True),
        ({"Content_Range": "bytes 0-6/7"}, True),
    ],
)
def test_a_server_may_leave_open_where_a_file_ends(told: dict[str, str], has_length: bool) -> None:
    assert served(ADDRESS, headers(**told)).has_length is has_length
