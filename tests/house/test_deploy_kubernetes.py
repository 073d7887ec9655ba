"""The Kubernetes manifest before a real API server, which knows every field, and whether its parts fit together."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from house import deployed
from servers.fixtures import shared_as
from servers.kubernetes import NAMESPACE, Kubernetes, TlsFiles

PATHS = {
    "ServiceAccount": f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts",
    "Role": f"/apis/rbac.authorization.k8s.io/v1/namespaces/{NAMESPACE}/roles",
    "RoleBinding": f"/apis/rbac.authorization.k8s.io/v1/namespaces/{NAMESPACE}/rolebindings",
    "ConfigMap": f"/api/v1/namespaces/{NAMESPACE}/configmaps",
    "Service": f"/api/v1/namespaces/{NAMESPACE}/services",
    "Deployment": f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments",
}
KINDS = [each["kind"] for each in deployed.manifests()]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubernetes]:
    folder: Path = tmp_path_factory.mktemp("deploy-kubernetes")
    files = TlsFiles(folder / "ca.crt", folder / "server.pem", folder / "server.key")
    authority = trustme.CA()
    own = authority.issue_cert("127.0.0.1", "localhost")
    authority.cert_pem.write_to_path(str(files.authority))
    own.cert_chain_pems[0].write_to_path(str(files.certificate))
    own.private_key_pem.write_to_path(str(files.key))
    server = Kubernetes(files)
    if reason := server.missing():
        pytest.skip(reason)
    with shared_as("deploy_kubernetes", server):
        yield server


def answer(cluster: Kubernetes, manifest: dict[str, Any]) -> tuple[int, str]:
    """What the server says to it, without keeping it; an unknown field is an error to it."""
    path = f"{PATHS[manifest['kind']]}?dryRun=All&fieldValidation=Strict"
    reply = cluster.request("POST", path, manifest)
    return reply.status, str(reply.json.get("message", ""))


@pytest.mark.parametrize("kind", KINDS)
def test_a_cluster_would_take_it(cluster: Kubernetes, kind: str) -> None:
    assert answer(cluster, deployed.manifest(kind)) == (201, "")


def test_a_cluster_would_not_take_a_word_it_does_not_know(cluster: Kubernetes) -> None:
    manifest = copy.deepcopy(deployed.manifest("Deployment"))
    manifest["spec"]["template"]["spec"]["initContainers"][0]["restartsPolicy"] = "Always"
    status, message = answer(cluster, manifest)
    assert status == 400
    assert "restartsPolicy" in message


def test_the_parts_fit_together() -> None:
    pod = deployed.manifest("Deployment")["spec"]["template"]["spec"]
    sidecar = pod["initContainers"][0]
    assert sidecar["restartPolicy"] == "Always"
    assert {each["name"] for each in sidecar["volumeMounts"]} == {each["name"] for each in pod["volumes"]}
    assert pod["volumes"][0]["configMap"]["name"] == deployed.manifest("ConfigMap")["metadata"]["name"]
    assert pod["serviceAccountName"] == deployed.manifest("ServiceAccount")["metadata"]["name"]
    ports = {each["name"] for each in sidecar["ports"]}
    assert {each["targetPort"] for each in deployed.manifest("Service")["spec"]["ports"]} <= ports
    binding = deployed.manifest("RoleBinding")
    assert binding["roleRef"]["name"] == deployed.manifest("Role")["metadata"]["name"]
    assert {each["name"] for each in binding["subjects"]} == {pod["serviceAccountName"]}
    # The user that the image was made for.
    user = deployed.instruction("USER").partition(":")[0]
    assert str(sidecar["securityContext"]["runAsUser"]) == user
