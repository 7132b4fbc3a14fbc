"""Addresses never print their secrets, whatever the password is made of."""

from __future__ import annotations

import pytest

from app.core.address import StreamAddress, shown_source, without_secrets


@pytest.mark.parametrize(
    "password",
    [
        *("secret", "s3/cr3t", "s3@cr3t", "s3 cr3t", "s3:cr3t", "s3#cr3t", "s3?cr3t", "a@s3/cr3t", "s3%20cr3t", ""),
        *("2024", "2024/cr3t", "2024#cr3t", "2024/cr3t@home", "2024@s3/cr3t", "70000/cr3t", "20240101#cr3t"),
    ],
)
@pytest.mark.parametrize(
    "place", ["cam.example/video", "192.0.2.7:8080/v?ch=1", "[2001:db8::7]:554/x", "localhost:8554"]
)
def test_the_login_is_understood_and_not_shown(password: str, place: str) -> None:
    if "?" in password:
        pytest.skip("a question mark in a password has to be escaped")
    address = StreamAddress(f"rtsp://me:{password}@{place}")
    assert address.login == ("me", password.replace("%20", " "))
    for shown in (str(address), repr(address), f"{address}", address.remembered(), f"{(address,)}"):
        assert "me" not in shown.replace("StreamAddress", "").replace("example", "")
        assert "cr3t" not in shown
        assert "secret" not in shown
        assert "2024" not in shown
    assert str(address) == f"rtsp://{place}"
    assert str(address.without_login()) == f"rtsp://{place}"
    assert StreamAddress(address.revealed()).login == address.login
    assert StreamAddress(address.revealed()).host == address.host in place


@pytest.mark.parametrize(
    "name",
    [
        *("pwd", "password", "PASS", "token", "api_key", "usr", "user", "auth"),
        *("sid", "PHPSESSID", "sig", "sign", "url_sig", "X-Amz-Signature"),
    ],
)
def test_secret_values_of_the_query_are_not_shown(name: str) -> None:
    address = StreamAddress(f"http://192.0.2.7/video?channel=2&{name}=hush&rate=5")
    assert str(address) == f"http://192.0.2.7/video?channel=2&{name}=…&rate=5"
    assert "hush" in address.revealed()
    assert address.has_secrets


@pytest.mark.parametrize(
    "text",
    [
        "http://192.0.2.7/video?channel=2&user=admin&pwd=hush",
        "rtsp://me:quiet@192.0.2.7/user=admin&password=hush&channel=1",
        "rtsp://192.0.2.7/user=admin_password=hush_channel=1",
    ],
)
def test_what_is_remembered_lacks_its_secrets(text: str) -> None:
    assert not StreamAddress(text).lacks_secrets
    assert StreamAddress(StreamAddress(text).remembered()).lacks_secrets
    assert StreamAddress(text.replace("hush", "…")).lacks_secrets
    assert not StreamAddress(text.replace("hush", "hu…sh").replace("channel=1", "channel=…")).lacks_secrets


@pytest.mark.parametrize("name", ["side", "design", "signal", "channel"])
def test_other_values_of_the_query_are_shown(name: str) -> None:
    assert str(StreamAddress(f"http://192.0.2.7/video?{name}=2")) == f"http://192.0.2.7/video?{name}=2"


@pytest.mark.parametrize("text", ["http://cam/@home", "http://cam:8080/a@b", "http://cam/v?mail=a@b.c"])
def test_an_at_sign_behind_the_host_is_no_login(text: str) -> None:
    address = StreamAddress(text)
    assert address.login is None
    assert address.host == "cam"
    assert address.revealed() == text


@pytest.mark.parametrize(
    "text", ["http://cam.example:80/a@b.c", "http://192.0.2.7:80/a@b.c", "http://localhost:80/a@b.c"]
)
def test_digits_behind_what_looks_like_a_host_are_a_port(text: str) -> None:
    address = StreamAddress(text)
    assert (address.login, address.port) == (None, 80)
    assert address.revealed() == str(address) == without_secrets(text) == text


@pytest.mark.parametrize(
    "path", ["user=admin&password=hush&channel=1", "user=admin_password=hu_sh_channel=1", "live/pwd=hush/1"]
)
def test_the_login_in_the_path_of_a_camera_is_not_shown(path: str) -> None:
    """As many video recorders want it."""
    address = StreamAddress(f"rtsp://192.0.2.7/{path}")
    assert address.has_secrets
    for shown in (str(address), address.remembered(), without_secrets(f"cannot open {address.revealed()}: refused")):
        assert "sh" not in shown
        assert "192.0.2.7" in shown
    assert path in address.revealed()


@pytest.mark.parametrize("text", ["http://[::1]/a@b", "http://[fe80::1]:8080/users/@me", "http://[::1]:8080/a@b"])
def test_an_at_sign_behind_an_ipv6_host_is_no_login(text: str) -> None:
    assert StreamAddress(text).login is None
    assert StreamAddress(text).revealed() == text


@pytest.mark.parametrize("text", ["s3://AKIA:wJa/lr@bucket/in", "sftp://AKIA:wJa/lr@nas/in"])
def test_a_host_without_a_dot_may_stand_behind_a_password_with_a_slash(text: str) -> None:
    assert StreamAddress(text).login == ("AKIA", "wJa/lr")
    assert "AKIA" not in str(StreamAddress(text))


def test_a_hash_ends_only_the_addresses_of_the_web() -> None:
    assert StreamAddress("http://example.com/a#b").revealed() == "http://example.com/a"
    assert StreamAddress("s3://bucket/Roll #1/a").revealed() == "s3://bucket/Roll #1/a"
    assert StreamAddress("ftp://host.lan/Roll #1#insecure").revealed() == "ftp://host.lan/Roll #1"
    assert StreamAddress("ftp://host.lan/Roll #1#insecure").insecure


def test_insecure_belongs_to_one_address() -> None:
    assert StreamAddress("rtsps://me:hush@cam/x#insecure").insecure
    assert not StreamAddress("rtsps://me:hush@cam/x").insecure
    assert StreamAddress("rtsps://me:hush@cam/x#insecure").remembered() == "rtsps://cam/x#insecure"
    assert "insecure" not in StreamAddress("rtsps://cam/x#insecure").revealed()


@pytest.mark.parametrize("text", ["cam.mp4", "http://", "http://cam:port/x", "http:///x", "http://[::1/x"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        StreamAddress(text)


def test_addresses_in_a_text_of_others() -> None:
    text = "opened rtsp://me:s3/cr@t@192.0.2.7/x and http://a.example/v?pwd=hush&n=1, then http://b.example:80/@home"
    cleaned = without_secrets(text)
    assert "cr@t" not in cleaned
    assert "s3" not in cleaned
    assert "hush" not in cleaned
    assert "b.example:80/@home" in cleaned
    ports = "http://cam:80/a@b, http://cam:80 and me@b.c, http://localhost:80/a@b.c, http://cam:80/a (me@b.c)"
    assert without_secrets(ports) == ports
    for password in ("2024/C@m", "2024#Cam", "2024", "20240101/Cam"):
        for place in ("192.0.2.7/x", "[::1]/x", "localhost/x", "cam:554/x"):
            assert without_secrets(f"opened rtsp://admin:{password}@{place}: no") == f"opened rtsp://{place}: no"
    assert shown_source("camera:me@home") == "camera:me@home"
