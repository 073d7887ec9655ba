"""Credentials: refused, granted, replaced, and never shown; roles; whom the client trusts."""

from __future__ import annotations

import asyncio
import base64
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from meshclient.discovery.resolver import ResolverUri
from meshclient.model.snapshot import Empty
from meshclient_kubernetes import KubernetesResolver

if TYPE_CHECKING:
    from conftest import Kit

    from servers.kubernetes import ApiServer, Kubernetes, ScriptedKubernetes

pytestmark = pytest.mark.registry("kubernetes", "faults")

README = Path(__file__).parents[2] / "README.md"
ALL = ["list endpointslices", "watch endpointslices", "get services"]


def test_a_token_that_nobody_knows(kit: Kit, api: ApiServer) -> None:
    async def check() -> None:
        async with kit.watch(kit.uri(api, token="hunter2"), "web") as watch:
            failed = await watch.failed("KubernetesDenied", "401", "Unauthorized", "token_file=", "'web'")
            assert "hunter2" not in failed.cause + failed.source

    asyncio.run(check())


def test_a_role_that_does_not_do_is_named(kit: Kit, api: ApiServer) -> None:
    async def check() -> None:
        async with kit.watch(kit.uri(api, token=api.stranger), "web") as watch:
            failed = await watch.failed("KubernetesDenied", "403", "forbidden", "list endpointslices", "'shop'")
            assert api.stranger not in failed.cause

    asyncio.run(check())


@pytest.mark.parametrize("missing", ALL)
def test_each_rule_of_the_role_is_needed(
    kit: Kit, scripted: ScriptedKubernetes, missing: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Without the last of them a Service without slices counts as one that exists, and the log says why."""
    name = kit.fresh()
    allowed = [rule for rule in ALL if rule != missing]
    scripted.control(tokens={scripted.admin: ["*"], scripted.reader: allowed})

    async def check() -> None:
        async with kit.watch(kit.uri(scripted, "wait=1"), name) as watch:
            if missing == "get services":
                for _ in range(2):
                    answer = await watch.next()
                    assert isinstance(answer, Empty)
                    assert answer.exists
            else:
                await watch.failed("403", missing, name)

    with caplog.at_level("WARNING", "meshclient.discovery"):
        asyncio.run(check())
    notes = [record for record in caplog.records if "whether it exists cannot be told" in record.getMessage()]
    assert len(notes) == (missing == "get services")


def test_a_rotated_token_is_read_again(kit: Kit, scripted: ScriptedKubernetes, tmp_path: Path) -> None:
    """The old token dies, the new one is in the file: not one failure in between."""
    name, file = kit.fresh(), tmp_path / "rotated"
    kit.put(scripted, name, "10.0.0.1")
    file.write_text("first-token\n")
    admin = {scripted.admin: ["*"]}
    scripted.control(tokens=admin | {"first-token": ALL})

    def rotate() -> None:
        file.write_text("second-token\n")
        scripted.control(tokens=admin | {"second-token": ALL}, end="clean")
        kit.put(scripted, name, "10.0.0.2")

    async def check() -> None:
        uri = re.sub(r"token_file=[^&]*", f"token_file={file}", kit.uri(scripted, "wait=60"))
        async with kit.watch(uri, name) as watch:
            await watch.ready("10.0.0.1")
            await kit.asks(scripted, name, "watch=")
            await asyncio.to_thread(rotate)
            await watch.ready("10.0.0.2")
            assert watch.undisturbed, watch.seen

    asyncio.run(check())


def test_a_missing_token_file_is_named(kit: Kit, scripted: ScriptedKubernetes, tmp_path: Path) -> None:
    name, file = kit.fresh(), tmp_path / "late"
    kit.put(scripted, name, "10.0.0.1")

    async def check() -> None:
        uri = re.sub(r"token_file=[^&]*", f"token_file={file}", kit.uri(scripted))
        async with kit.watch(uri, name) as watch:
            await watch.failed(f"token_file={file}", "No such file")
            file.write_text("")
            await watch.failed(f"token_file={file}", "empty")
            file.write_text(scripted.reader)
            await watch.ready("10.0.0.1")

    asyncio.run(check())


def test_an_authority_that_is_not_the_servers(kit: Kit, scripted: ScriptedKubernetes, tmp_path: Path) -> None:
    import trustme

    trustme.CA().cert_pem.write_to_path(tmp_path / "other.crt")
    (tmp_path / "empty.crt").write_text("")

    async def check() -> None:
        for file, words in (
            ("other.crt", ("cannot be reached", "CERTIFICATE_VERIFY_FAILED", f"127.0.0.1:{scripted.port}")),
            ("empty.crt", ("unusable", "ca_file=")),
            ("missing.crt", ("unusable", "No such file")),
        ):
            uri = re.sub(r"ca_file=[^&]*", f"ca_file={tmp_path / file}", kit.uri(scripted))
            async with kit.watch(uri, "web") as watch:
                await watch.failed(*words)

    asyncio.run(check())


def mount(folder: Path, api: ApiServer, token: str) -> None:
    """A pod's account, as the kubelet mounts it."""
    (folder / "token").write_text(token)
    (folder / "namespace").write_text("shop\n")
    (folder / "ca.crt").write_bytes(api.tls.authority.read_bytes())


def in_cluster(api: ApiServer, folder: Path) -> KubernetesResolver:
    environ = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(api.port)}
    return KubernetesResolver(ResolverUri.parse("kubernetes://?wait=1"), environ=environ, account=folder)


def test_in_a_pod_nothing_has_to_be_said(kit: Kit, api: ApiServer, tmp_path: Path) -> None:
    name = kit.fresh()
    kit.put(api, name, "10.0.0.1")
    mount(tmp_path, api, api.admin)

    async def check() -> None:
        async with kit.watch(in_cluster(api, tmp_path), name) as watch:
            answer = await watch.ready("10.0.0.1")
            assert answer.source == "kubernetes://shop?wait=1"

    asyncio.run(check())


def test_the_role_in_the_readme_does(kit: Kit, real_kubernetes: Kubernetes, tmp_path: Path) -> None:
    """With a service account's own token: refused without the role, enough with it, and rotated under the watch."""
    (text,) = re.findall(r"```yaml\n(kind: Role\n.*?)```", README.read_text("utf-8"), re.DOTALL)
    api = real_kubernetes
    account = kit.fresh("account")
    role, binding = (json_of(each, account) for each in yaml.safe_load_all(text))
    base = "/api/v1/namespaces/shop/serviceaccounts"

    def make_account() -> str:
        api.call("POST", base, {"metadata": {"name": account}})
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
        return str(api.call("POST", f"{base}/{account}/token", request)["status"]["token"])

    def replace_account() -> None:
        api.call("DELETE", f"{base}/{account}")
        (tmp_path / "token").write_text(make_account())

    def grant() -> None:
        for kind, item in (("roles", role), ("rolebindings", binding)):
            api.call("POST", f"/apis/rbac.authorization.k8s.io/v1/namespaces/shop/{kind}", item)

    name = kit.fresh()
    kit.put(api, name, "10.0.0.1")
    mount(tmp_path, api, make_account())

    async def check() -> None:
        resolver = in_cluster(api, tmp_path)
        async with kit.watch(resolver, name) as watch, kit.watch(resolver, kit.fresh()) as unknown:
            await watch.failed("403", f"system:serviceaccount:shop:{account}", "list endpointslices")
            await asyncio.to_thread(grant)
            await watch.ready("10.0.0.1")
            await unknown.empty(exists=False)
            await asyncio.to_thread(replace_account)
            begun = len(watch.seen)
            await asyncio.to_thread(kit.put, api, name, "10.0.0.2")
            await watch.ready("10.0.0.2")
            for _ in range(3):  # each a question of its own, with the new token
                await watch.next()
            assert all(answer.state == "ready" for answer in watch.seen[begun:]), watch.seen[begun:]

    asyncio.run(check())


def json_of(item: dict[str, Any], account: str) -> dict[str, Any]:
    """An object of the README, for an account of a test."""
    for subject in item.get("subjects", []):
        subject["name"] = account
    item["metadata"]["name"] = f"{item['metadata']['name']}-{account}"
    if "roleRef" in item:
        item["roleRef"]["name"] = f"{item['roleRef']['name']}-{account}"
    return item


def kubeconfig(url: str, authority: Path, **user: str) -> str:
    """A file's content for a user, the authority in it."""
    cluster = {"server": url, "certificate-authority-data": encoded(authority)}
    config = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u", "namespace": "shop"}}],
        "clusters": [{"name": "k", "cluster": cluster}],
        "users": [{"name": "u", "user": user}],
    }
    return yaml.safe_dump(config)


def encoded(file: Path) -> str:
    return base64.b64encode(file.read_bytes()).decode()


def from_environment(file: Path) -> KubernetesResolver:
    return KubernetesResolver(ResolverUri.parse("kubernetes://"), environ={"KUBECONFIG": str(file)})


def test_a_kubeconfig_with_a_token(kit: Kit, api: ApiServer, tmp_path: Path) -> None:
    name = kit.fresh()
    kit.put(api, name, "10.0.0.1")
    (tmp_path / "config").write_text(kubeconfig(api.url, api.tls.authority, token=api.admin))

    async def check() -> None:
        async with kit.watch(from_environment(tmp_path / "config"), name) as watch:
            answer = await watch.ready("10.0.0.1")
            assert answer.source == "kubernetes://shop"

    asyncio.run(check())


def test_a_client_certificate_is_presented(kit: Kit, real_kubernetes: Kubernetes, tmp_path: Path) -> None:
    """From files that the options name, and from a kubeconfig that holds it."""
    api, name = real_kubernetes, kit.fresh()
    kit.put(api, name, "10.0.0.1")
    certificate, key = (api.tls.authority.with_name(f"client.{end}") for end in ("pem", "key"))
    user = {"client-certificate-data": encoded(certificate), "client-key-data": encoded(key)}
    (tmp_path / "config").write_text(kubeconfig(api.url, api.tls.authority, **user))
    bare = re.sub(r"&token_file=[^&]*", "", kit.uri(api))

    async def check() -> None:
        async with kit.watch(bare, name) as watch:
            await watch.failed("403", "no token and no client certificate")
        for resolver in (f"{bare}&cert_file={certificate}&key_file={key}", from_environment(tmp_path / "config")):
            async with kit.watch(resolver, name) as watch:
                await watch.ready("10.0.0.1")
        async with kit.watch(f"{bare}&cert_file={certificate}&key_file={api.tls.key}", name) as watch:
            await watch.failed("unusable", f"cert_file={certificate}", f"key_file={api.tls.key}")

    asyncio.run(check())
