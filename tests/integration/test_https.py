"""Off loopback the pages are HTTPS, with a root of our own or a given certificate.

The server listens on every address for as long as a test takes; the tests connect to 127.0.0.1.
"""

import asyncio
import contextlib
import datetime
import re
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from cryptography import x509

from orchestrator.runtime import machine_addresses
from orchestrator.tls import Certificates, local_certificates
from peers.signalling import SignallingClient
from tests.e2e.product import PASSWORD, Product, free_port
from tests.e2e.waiting import eventually
from tests.integration.installation import refused, started

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

EVERYWHERE = "0.0.0.0"  # every address: what these tests are about


@contextlib.asynccontextmanager
async def serving(
    data: Path, root: Path, host: str = EVERYWHERE, **environment: str
) -> AsyncIterator[Product]:
    """The product with a client that trusts `root` and nothing else; it must end with status 0."""
    port = free_port()
    output = data.with_suffix(".log")
    ports = ("--port", str(port), "--media-port", "0")
    async with started(
        output, "--data", str(data), "--host", host, *ports, **environment
    ) as process:

        async def there() -> bool:
            assert process.returncode is None, output.read_text()
            return root.exists()

        await eventually(there, bool, 60)
        trust = ssl.create_default_context(cafile=root)
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=trust), cookie_jar=aiohttp.CookieJar(unsafe=True)
        ) as http:
            product = Product(f"https://127.0.0.1:{port}", data, output, process, http)
            await product.wait_ready()
            found = re.search(r"(https?://\S+)/host#setup=([\w.~-]+)", output.read_text())
            product.setup_token = found.group(2) if found else ""
            yield product
        assert await product.stop() == 0


async def test_a_first_start_off_loopback_is_https_under_its_own_root(tmp_path: Path) -> None:
    data = tmp_path / "data"
    root = data / "tls" / "root.crt"
    async with serving(data, root) as product:
        await _pages_and_root(product, root)
        await _nobody_else_is_served(product)
        await _cookies_are_secure(product)
        await _signalling(product)
        printed = product.output.read_text()
        assert "http://" not in printed
        assert re.search(r"https://\S+/install", printed)
        worker = product.child("worker").cmdline()
        assert tuple(worker[worker.index("--listen") + 1].split(",")) == machine_addresses()


async def _pages_and_root(product: Product, root: Path) -> None:
    async with product.http.get(f"{product.url}/") as response:
        assert response.status == 200
        assert 'id="app"' in await response.text()
    async with product.http.get(f"{product.url}/install") as response:
        text = await response.text()
        assert "安装根证书" in text
        assert "Install the root certificate" in text
        assert "/install/root.crt" in text
    async with product.http.get(f"{product.url}/install/root.crt") as response:
        assert response.content_type == "application/x-x509-ca-cert"
        given = x509.load_pem_x509_certificate(await response.read())
    assert given == x509.load_pem_x509_certificate(root.read_bytes())
    assert not list((product.data / "tls").glob("*.new"))


async def _nobody_else_is_served(product: Product) -> None:
    """Neither plain HTTP nor a client that does not trust the root."""
    async with aiohttp.ClientSession() as stranger:
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await stranger.get(f"{product.url}/healthz")
        with pytest.raises(aiohttp.ClientError):
            await stranger.get(f"{product.url.replace('https', 'http')}/healthz")


async def _cookies_are_secure(product: Product) -> None:
    body = {"token": product.setup_token, "username": "admin", "password": PASSWORD}
    async with product.http.post(
        f"{product.url}/api/setup", json=body, headers={"Origin": product.url}
    ) as response:
        assert response.status < 300, await response.text()
        cookie = response.headers["Set-Cookie"]
    assert "Secure" in cookie
    assert "HttpOnly" in cookie


async def _signalling(product: Product) -> None:
    """Join links are HTTPS, and the WebSocket works over it."""
    made = await product.post(
        "/api/sessions", {"title": "Over TLS", "venues": [{"name": "Main", "kind": "main"}]}
    )
    assert all(link["url"].startswith("https://") for link in made["links"])
    url = f"{product.url.replace('https', 'wss')}/signal?session={made['session']['session_id']}"
    async with SignallingClient(product.http, url) as chair:
        joined = await chair.join(publish=False)
        assert joined["view"]["session"]["title"] == "Over TLS"


async def test_new_names_get_a_new_leaf_under_the_same_root(tmp_path: Path) -> None:
    data = tmp_path / "data"
    made = local_certificates(data / "tls", ["former.example"], _now())
    assert made.root is not None
    root, leaf = made.root.read_bytes(), made.certificate.read_bytes()
    public = {"PLENARY_SERVER__PUBLIC_URL": "https://plenary.example:8443"}
    async with serving(data, made.root, **public) as product:
        assert f"{public['PLENARY_SERVER__PUBLIC_URL']}/host" in product.output.read_text()
    assert made.root.read_bytes() == root
    assert made.certificate.read_bytes() != leaf
    names = x509.load_pem_x509_certificate(
        made.certificate.read_bytes()
    ).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert "plenary.example" in names.value.get_values_for_type(x509.DNSName)


async def test_a_given_certificate_is_used_and_no_root_is_offered(tmp_path: Path) -> None:
    made = local_certificates(tmp_path / "given", ["127.0.0.1"], _now())
    assert made.root is not None
    # On loopback too: somebody who gives a certificate wants HTTPS.
    async with serving(tmp_path / "data", made.root, "127.0.0.1", **_given(made)) as product:
        async with product.http.get(f"{product.url}/install") as response:
            assert response.status == 404
        assert "https://127.0.0.1" in product.output.read_text()
        assert not list((tmp_path / "data" / "tls").iterdir())


async def test_a_certificate_and_a_key_that_do_not_fit(tmp_path: Path) -> None:
    one = local_certificates(tmp_path / "one", ["127.0.0.1"], _now())
    two = local_certificates(tmp_path / "two", ["127.0.0.1"], _now())
    told = await refused(
        tmp_path / "output",
        *("--data", str(tmp_path / "data"), "--port", str(free_port()), "--media-port", "0"),
        **_given(Certificates(one.certificate, two.key, None)),
    )
    told.check("config_invalid", str(one.certificate), str(two.key))


async def test_a_damaged_root_is_not_replaced_silently(tmp_path: Path) -> None:
    root = tmp_path / "data" / "tls" / "root.crt"
    made = local_certificates(root.parent, ["127.0.0.1"], _now())
    await asyncio.to_thread(root.write_text, "not a certificate")
    told = await refused(
        tmp_path / "output",
        *("--data", str(tmp_path / "data"), "--host", EVERYWHERE),
        *("--port", str(free_port()), "--media-port", "0"),
    )
    told.check("config_invalid", str(root), "remove both")
    assert root.read_text() == "not a certificate"
    assert made.certificate.exists()


def _given(certificates: Certificates) -> dict[str, str]:
    return {
        "PLENARY_SERVER__TLS_CERTIFICATE": str(certificates.certificate),
        "PLENARY_SERVER__TLS_KEY": str(certificates.key),
    }


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)
