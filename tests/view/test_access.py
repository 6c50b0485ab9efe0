"""The server answers the browser that has the token and no other page or machine."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from aarlab.view.access_guard import ACTION_HEADER, is_loopback
from aarlab.view.server import Access, viewer_app
from aarlab.view.viewed_folder import ViewedFolder

ADDRESS = "http://127.0.0.1:7575"


@pytest.fixture
def access() -> Access:
    return Access.create(7575)


@pytest.fixture
def client(example_folder: Path, access: Access) -> Iterator[TestClient]:
    """Return a client without the token."""
    with TestClient(viewer_app(ViewedFolder(example_folder), access), base_url=ADDRESS) as client:
        yield client


@pytest.fixture
def known(client: TestClient, access: Access) -> TestClient:
    """Return the client after it opened the link."""
    client.get("/", params={"token": access.token})
    return client


def test_data_need_the_token(client: TestClient, access: Access) -> None:
    assert client.get("/api/runs").status_code == 401
    client.get("/", params={"token": access.token[:-1] + "?"})
    assert client.get("/api/runs").status_code == 401
    answer = client.get("/", params={"token": access.token}, follow_redirects=False)
    assert answer.headers["location"] == "/"
    assert "HttpOnly" in answer.headers["set-cookie"]
    assert "SameSite=strict" in answer.headers["set-cookie"]
    assert client.get("/api/runs").status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io:7575", ""])
def test_foreign_host_is_refused(known: TestClient, host: str) -> None:
    assert known.get("/api/runs", headers={"host": host}).status_code == 421


@pytest.mark.parametrize("host", ["127.0.0.1:9000", "localhost:9000", "[::1]:7575"])
def test_own_addresses_are_accepted(known: TestClient, access: Access, host: str) -> None:
    headers = {"host": host, "cookie": f"{access.cookie}={access.token}"}
    assert known.get("/api/runs", headers=headers).status_code == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "http://127.0.0.1:8888", "null"])
def test_foreign_origin_is_refused(known: TestClient, origin: str) -> None:
    assert known.get("/api/runs", headers={"origin": origin}).status_code == 403


def test_cross_site_request_is_refused(known: TestClient) -> None:
    assert known.get("/api/runs", headers={"sec-fetch-site": "cross-site"}).status_code == 403


def test_other_methods_need_origin_and_token(client: TestClient, access: Access) -> None:
    assert client.post("/api/runs", headers={"origin": ADDRESS}).status_code == 401
    client.get("/", params={"token": access.token})
    assert client.post("/api/runs").status_code == 403
    assert client.post("/api/runs", headers={"origin": ADDRESS}).status_code == 403, "no token in a header"
    header = {ACTION_HEADER: client.get("/api/session").json()["action_token"]}
    assert client.post("/api/runs", headers={"origin": ADDRESS, **header}).status_code == 405
    assert client.post("/api/start", headers=header, json={}).status_code == 403, "no origin"
    assert client.post("/api/start", headers={"origin": "http://evil.example", **header}).status_code == 403
    assert client.get("/api/start").status_code == 405


def test_viewer_that_only_reads_refuses_every_change(example_folder: Path) -> None:
    access = Access.create(7575, acts=False)
    with TestClient(viewer_app(ViewedFolder(example_folder), access), base_url=ADDRESS) as client:
        client.get("/", params={"token": access.token})
        assert client.get("/api/session").json() == {"action_token": None}
        for token in ("", "None"):
            headers = {"origin": ADDRESS, ACTION_HEADER: token}
            assert client.post("/api/start", headers=headers, json={"file": "good-run.db"}).status_code == 403


def test_every_answer_forbids_inline_code_and_styles(client: TestClient) -> None:
    for path in ("/", "/static/main.js", "/api/runs", "/nothing"):
        policy = client.get(path).headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy


def test_program_files_outside_the_package_are_refused(client: TestClient) -> None:
    for path in ("/static/../server.py", "/static/%2e%2e/server.py", "/static//etc/passwd"):
        assert client.get(path).status_code == 404


@pytest.mark.parametrize(
    ("host", "expected"), [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("lab", False)]
)
def test_loopback_addresses_are_recognised(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected
