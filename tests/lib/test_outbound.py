"""Calls to addresses that somebody typed in reach the public internet and nothing else."""

import ipaddress
import socket
import ssl
import threading
from contextlib import suppress
from urllib.parse import urlsplit

import httpx
import pytest

from ghostcart.lib import outbound
from tests.listening import Server
from tests.mail.certificates import server_context


@pytest.fixture
def own(settings):
    """This machine counts as a network of one's own."""
    settings.PRIVATE_TARGETS = [ipaddress.ip_network("127.0.0.1/32")]


@pytest.fixture
def names(monkeypatch):
    """What the resolver answers, by name: a list of addresses, or several such lists for one question after another."""
    known: dict[str, list[list[str]]] = {}
    real = socket.getaddrinfo

    def getaddrinfo(host, port, family=0, type=0, proto=0, flags=0):
        host = host.decode() if isinstance(host, bytes) else host
        if host not in known:
            with suppress(ValueError):
                ipaddress.ip_address(host)
                return real(host, port, family, type, proto, flags)
            raise socket.gaierror(f"{host} is not known")
        answers = known[host]
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        return [
            (socket.AF_INET6 if ":" in one else socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in found
        ]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return known


# -- the matrix: nothing reaches the listener --------------------------------------------------------

HOSTS = (
    "127.0.0.1", "127.1", "127.255.255.254", "2130706433", "017700000001", "0177.0.0.1", "0x7f000001", "0x7f.0.0.1",
    "0.0.0.0", "0", "localhost", "localhost.", "LOCALHOST", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
    "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[2001::1]", "[fe80::1]",
    "[fe80::1%25lo]", "[fc00::1]", "[fd12::1]", "[fec0::1]", "[ff02::1]", "10.0.0.1", "172.16.0.1", "192.168.0.1",
    "100.64.0.1", "169.254.169.254", "[::ffff:169.254.169.254]", "192.0.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1",
    "240.0.0.1", "255.255.255.255", "１２７.0.0.1", "127。0。0。1", "a.internal", "mixed.example", "mapped.example",
)  # fmt: skip


@pytest.mark.parametrize("scheme", ["https", "http"])
@pytest.mark.parametrize("host", HOSTS)
def test_no_private_address_is_called_however_it_is_written(host, scheme, names):
    names |= {
        "localhost": [["127.0.0.1", "::1"]],
        "a.internal": [["127.0.0.1"]],
        "mixed.example": [["93.184.216.34", "127.0.0.1"]],
        "mapped.example": [["::ffff:127.0.0.1"]],
    }
    with Server() as here, Server(host="::1", port=here.port) as there:
        with pytest.raises(outbound.TargetError):
            outbound.send("POST", f"{scheme}://{host}:{here.port}/")
        assert (here.connections, there.connections) == (0, 0)


URLS = (
    "file:///etc/passwd", "gopher://127.0.0.1:{port}/_x", "ftp://127.0.0.1:{port}/", "dict://127.0.0.1:{port}/",
    "//127.0.0.1:{port}/", "127.0.0.1:{port}", "", "https://", "https:///x", "https:127.0.0.1:{port}",
    "https://user@127.0.0.1:{port}/", "https://user:pass@example.com/", "https://example.com@127.0.0.1:{port}/",
    "https://127.0.0.1:{port}\\@example.com/", "https://example.com\\@127.0.0.1:{port}/", "https://127.0.0.1:{port}#@x/",
    "https://example.com:22/", "https://example.com:25/", "https://example.com:3306/", "https://example.com:0/",
    "https://example.com:99999/", "https://example.com:x/", "https://exa mple.com/", "https://example.com/\r\nX: y",
    "https://\x00/", "https://example..com/", "https://-/", "https://[::1/", "https://[1.2.3.4]/", "https://1.2.3/",
    "https://" + "a" * 2000 + ".com/", "javascript:alert(1)", "https://ex%61mple.com/", "https://\ud800.com/",
)  # fmt: skip


@pytest.mark.parametrize("url", URLS)
def test_no_other_kind_of_address_is_called(url, names):
    with Server() as here:
        with pytest.raises(outbound.TargetError):
            outbound.send("POST", url.replace("{port}", str(here.port)))
        assert here.connections == 0


@pytest.mark.parametrize(
    ("url", "scheme", "host", "port", "path"),
    [
        ("https://example.com", "https", "example.com", 443, "/"),
        ("https://Example.COM.:8443/A/b?c=d&e=%20#f", "https", "example.com", 8443, "/A/b?c=d&e=%20"),
        ("https://bücher.example/ü", "https", "xn--bcher-kva.example", 443, "/%C3%BC"),
        ("https://8.8.8.8/", "https", "8.8.8.8", 443, "/"),
        ("https://[2606:4700::1111]/", "https", "2606:4700::1111", 443, "/"),
        ("https://my_shop.example/", "https", "my_shop.example", 443, "/"),
    ],
)
def test_ordinary_addresses_are_understood(url, scheme, host, port, path):
    assert outbound.parse(url) == outbound.Target(scheme, host, port, path)


def test_public_addresses_are_public_also_behind_a_gateway():
    for public in ("8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"):
        assert outbound.is_public(ipaddress.ip_address(public)), public


# -- names that change -------------------------------------------------------------------------------


def test_a_name_that_changes_after_the_look_reaches_nothing(names, settings):
    """127.0.0.2 stands for a public address here: looked at once, and that one is connected to."""
    settings.PRIVATE_TARGETS = [ipaddress.ip_network("127.0.0.2/32")]
    names["rebinding.example"] = [["127.0.0.2"], ["127.0.0.1"]]
    with Server() as inner, Server(host="127.0.0.2", port=inner.port) as outer:
        assert outbound.send("POST", f"http://rebinding.example:{inner.port}/").status == 200
        assert (outer.connections, inner.connections) == (1, 0)
        with pytest.raises(outbound.PrivateTarget):
            outbound.send("POST", f"http://rebinding.example:{inner.port}/")
        assert (outer.connections, inner.connections) == (1, 0)


def test_a_look_before_the_call_is_beaten_by_such_a_name(names, settings):
    """The guard of the test above: the same looks, and then an ordinary client that resolves again."""
    settings.PRIVATE_TARGETS = [ipaddress.ip_network("127.0.0.2/32")]
    names["rebinding.example"] = [["127.0.0.2"], ["127.0.0.1"]]
    with Server() as inner:
        url = f"http://rebinding.example:{inner.port}/"
        for address in outbound.resolve(urlsplit(url).hostname, inner.port, 5):
            outbound._check(address, "http")
        httpx.post(url, trust_env=False)
        assert inner.connections == 1


def test_a_redirect_is_an_answer_and_nothing_else(own):
    with Server() as inner:
        with Server(lambda call: (307, {"location": inner.url}, b"")) as outer:
            answer = outbound.send("POST", outer.url)
        assert (answer.status, answer.headers["location"], inner.connections) == (307, inner.url, 0)


def test_no_proxy_of_the_environment_is_used(own, monkeypatch):
    with Server() as proxy, Server() as server:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        outbound.send("POST", server.url)
        assert (proxy.connections, server.connections) == (0, 1)


# -- what is called, and what comes back -------------------------------------------------------------


def test_a_call_arrives_as_it_was_made(own):
    with Server(lambda call: (201, {"x-one": "1"}, b"done")) as server:
        answer = outbound.send("POST", f"{server.url}?a=b", headers={"X-Two": "2"}, content=b"text")
        [call] = server.calls
    assert answer == outbound.Answer(201, answer.headers, b"done", False)
    assert answer.headers["x-one"] == "1"
    assert (call.path, call.headers["x-two"], call.body) == ("/hook?a=b", "2", b"text")
    assert call.headers["host"] == f"127.0.0.1:{server.port}"


def test_only_the_beginning_of_an_answer_is_read(own):
    with Server(lambda call: (200, {}, b"x" * 1_000_000)) as server:
        answer = outbound.send("POST", server.url)
        assert (answer.body, answer.is_cut) == (b"x" * 1024, True)
        assert len(outbound.send("GET", server.url, most=2_000_000).body) == 1_000_000


def test_an_answer_that_drips_ends_at_the_deadline(own):
    gone = threading.Event()

    def drip(sock):
        sock.recv(1000)
        sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        with suppress(OSError):
            while not gone.wait(0.02):
                sock.sendall(b"x")

    with socket.create_server(("127.0.0.1", 0)) as server:
        dripping = threading.Thread(target=lambda: drip(server.accept()[0]), daemon=True)
        dripping.start()
        with pytest.raises(outbound.TimedOut):
            outbound.send("POST", f"http://127.0.0.1:{server.getsockname()[1]}/", seconds=0.3)
        gone.set()
        dripping.join(5)


def test_a_resolver_that_hangs_ends_at_the_deadline(own, monkeypatch):
    hanging = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_more: hanging.wait(30) and [])
    with pytest.raises(outbound.TimedOut):
        outbound.send("POST", "https://slow.example/", seconds=0.1)
    hanging.set()


def test_a_server_that_is_not_there_or_speaks_no_http_is_told(own, names):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(outbound.Unreachable):
        outbound.send("POST", f"http://127.0.0.1:{port}/")
    with pytest.raises(outbound.UnknownHost, match=r"nowhere\.example"):
        outbound.send("POST", "https://nowhere.example/")
    with socket.create_server(("127.0.0.1", 0)) as server:
        talking = threading.Thread(target=lambda: server.accept()[0].sendall(b"SSH-2.0-x\r\n\r\n"), daemon=True)
        talking.start()
        with pytest.raises(outbound.Unreachable):
            outbound.send("POST", f"http://127.0.0.1:{server.getsockname()[1]}/")
        talking.join(5)


def test_the_certificate_must_be_of_the_name_that_was_called(own, names, tmp_path, monkeypatch):
    tls = server_context(tmp_path)
    names |= {"localhost": [["127.0.0.1"]], "other.example": [["127.0.0.1"]]}
    with Server(tls=tls) as server:
        with pytest.raises(outbound.BadCertificate):
            outbound.send("POST", f"https://localhost:{server.port}/")
        trust = ssl.create_default_context(cafile=tmp_path / "authority.pem")
        monkeypatch.setattr(outbound, "_trust", lambda: trust)
        assert outbound.send("POST", f"https://localhost:{server.port}/").status == 200
        with pytest.raises(outbound.BadCertificate):
            outbound.send("POST", f"https://other.example:{server.port}/")


def test_without_tls_only_networks_of_ones_own_are_called(names, own):
    names["example.com"] = [["93.184.216.34"]]
    with pytest.raises(outbound.NotSecure):
        outbound.send("POST", "http://example.com/")
