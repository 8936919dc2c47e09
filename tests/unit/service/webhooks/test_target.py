from ipaddress import ip_address, ip_network

import pytest

from service.errors import InvalidWebhookUrlError
from service.settings.webhooks import WebhookSettings
from service.webhooks.target import WebhookTarget, may_reach

PUBLIC = ["93.184.216.34", "8.8.8.8", "2606:2800:220:1:248:1893:25c8:1946", "64:ff9b::808:808"]
INSIDE = [
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.8.8.8",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "192.0.0.192",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b:1::808:808",
    "2002:7f00:1::",
    "2001:0:7f00:1::",
    "2606:4700::5efe:7f00:1",
    "2606:4700::200:5efe:a00:1",
    "fd00:ec2::254",
    "fe80::1",
    "ff02::1",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_may_be_reached(address):
    assert may_reach(ip_address(address), ())


@pytest.mark.parametrize("address", INSIDE)
def test_nothing_inside_may_be_reached_in_whatever_dress(address):
    assert not may_reach(ip_address(address), ())


def test_an_allowed_network_may_be_reached_and_its_neighbour_may_not():
    allowed = (ip_network("10.1.0.0/16"),)
    assert may_reach(ip_address("10.1.2.3"), allowed)
    assert may_reach(ip_address("::ffff:10.1.2.3"), allowed)
    assert not may_reach(ip_address("10.2.2.3"), allowed)


@pytest.mark.parametrize(
    ("url", "host", "port", "path", "authority"),
    [
        ("https://example.com", "example.com", 443, "/", "example.com"),
        ("https://Example.com:8443/a?b=c", "example.com", 8443, "/a?b=c", "example.com:8443"),
        ("https://[2606:4700::1]/x", "2606:4700::1", 443, "/x", "[2606:4700::1]"),
        ("https://example.com./", "example.com", 443, "/", "example.com"),
    ],
)
def test_a_url_is_taken_apart(url, host, port, path, authority):
    target = WebhookTarget.parse(url, WebhookSettings())
    assert (target.host, target.port, target.path) == (host, port, path)
    assert target.authority == authority


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com/hook",
        "http://example.com/",
        "file:///etc/passwd",
        "https:///hook",
        "https://example.com:0/",
        "https://example.com:99999/",
        "https://user@example.com/",
        "https://example.com/#there",
        "https://example.com/a b",
        "https://example.com/\r\nX: y",
        "https://example.com\\@10.0.0.1/",
        "https://[::1]/",
        "https://[fe80::1%25eth0]/",
        "https://[::1",
        "https://" + 64 * "a" + ".example/",
        "https://example.com/" + 2000 * "a",
        "https://例え.jp/",
    ],
)
def test_a_url_that_no_webhook_can_go_to_is_refused(url):
    with pytest.raises(InvalidWebhookUrlError):
        WebhookTarget.parse(url, WebhookSettings())


def test_http_is_for_those_who_say_so():
    settings = WebhookSettings(require_https=False)
    assert WebhookTarget.parse("http://example.com/", settings).port == 80
