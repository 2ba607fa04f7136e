"""The manifests, as kustomize renders them: valid, restricted, without a secret, starting what we have."""

import re
from collections.abc import Iterator, Mapping, Sequence
from ipaddress import ip_address, ip_network
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]  # it ships no types
import pytest
from pydantic.fields import FieldInfo

from gateway.uploads import LARGEST_AT_ONCE
from gateway.web.memory_budget import LARGE
from shared.settings import LimitSettings
from shared.webhooks.settings import WebhookSettings

VERSIONS = ("1.25", "1.37")  # the oldest the guide promises, the newest whose schemas we have
STORES = {"redis", "minio"}
ON_GPU = {"face-worker", "style-worker", "style-bulk-worker"}

MIB = 2**20
THREADS = 96  # of the gateway, each with a body that is too small to be reckoned
GATEWAY_ITSELF = 128 * MIB
BYTES_PER_PIXEL = 6  # of a picture that is decoded: a progressive JPEG of three full channels

Document = dict[str, Any]


def workloads(manifests: Sequence[Document]) -> Mapping[str, Document]:
    """Pod specifications by the name of their Deployment or StatefulSet."""
    return {
        document["metadata"]["name"]: document["spec"]["template"]["spec"]
        for document in manifests
        if document["kind"] in {"Deployment", "StatefulSet"}
    }


def containers(manifests: Sequence[Document]) -> Iterator[tuple[str, Document]]:
    for name, pod in workloads(manifests).items():
        assert "initContainers" not in pod
        [container] = pod["containers"]
        yield name, container


def of_kind(manifests: Sequence[Document], kind: str) -> Mapping[str, Document]:
    return {d["metadata"]["name"]: d for d in manifests if d["kind"] == kind}


def test_every_document_is_valid(manifests: Sequence[Document]) -> None:
    for document in manifests:
        for version in VERSIONS:
            kubernetes_validate.validate(document, version, strict=True)


def test_everything_lies_in_the_namespace_that_refuses_unrestricted_pods(
    manifests: Sequence[Document],
) -> None:
    [namespace] = of_kind(manifests, "Namespace").values()
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    others = [document for document in manifests if document is not namespace]
    assert {document["metadata"]["namespace"] for document in others} == {namespace["metadata"]["name"]}


def test_the_workloads_are_those_of_the_design(manifests: Sequence[Document]) -> None:
    assert set(of_kind(manifests, "Deployment")) == {"gateway", "webhooks", "housekeeping", *ON_GPU}
    assert set(of_kind(manifests, "StatefulSet")) == STORES


def test_the_commands_are_the_entry_points(
    manifests: Sequence[Document], entry_points: Mapping[str, Sequence[str]]
) -> None:
    commands = {name: container["command"] for name, container in containers(manifests) if name not in STORES}
    assert commands == entry_points


def test_redis_starts_as_in_the_compose_file(manifests: Sequence[Document], compose: Document) -> None:
    redis = dict(containers(manifests))["redis"]
    [script] = compose["services"]["redis"]["command"]
    assert redis["command"] == compose["services"]["redis"]["entrypoint"]
    assert redis["args"] == [script.replace("$$", "$")]


def test_images_are_pinned_and_those_of_the_compose_file(manifests: Sequence[Document], compose: Document) -> None:
    built = {re.sub(r"\$\{\w+:-(.*)\}", r"\1", s["image"]) for s in compose["services"].values()}
    for _, container in containers(manifests):
        assert container["image"] in built
        assert not container["image"].endswith(":latest")


def test_every_pod_meets_the_restricted_profile(manifests: Sequence[Document]) -> None:
    for name, pod in workloads(manifests).items():
        context = pod["securityContext"]
        assert context["runAsNonRoot"] is True, name
        assert context["runAsUser"] > 0, name
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert pod["automountServiceAccountToken"] is False, name
        assert pod["enableServiceLinks"] is False, name
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod), name
        for volume in pod.get("volumes", []):
            assert set(volume) == {"name", "emptyDir"}, name
            assert volume["emptyDir"]["sizeLimit"], name
    for name, container in containers(manifests):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, name


def test_every_container_has_requests_limits_and_probes(manifests: Sequence[Document]) -> None:
    for name, container in containers(manifests):
        for kind in ("requests", "limits"):
            assert {"cpu", "memory"} <= set(container["resources"][kind]), name
        assert container["readinessProbe"], name
        assert container["livenessProbe"], name


def test_probes_of_the_workers_look_at_the_file_that_they_touch(manifests: Sequence[Document]) -> None:
    """All with one command, which test_ready_file.py runs."""
    commands = set()
    for name, container in containers(manifests):
        if name in STORES | {"gateway"}:
            continue
        [file] = [e["value"] for e in container["env"] if e["name"] == "LIKENESS_WORKERS__READY_FILE"]
        assert any(file.startswith(f"{mount['mountPath']}/") for mount in container["volumeMounts"])
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            assert file in container[probe]["exec"]["command"][-1], name
            commands.add(tuple(container[probe]["exec"]["command"]))
    assert len(commands) == 1


def test_probes_of_the_gateway(manifests: Sequence[Document]) -> None:
    gateway = dict(containers(manifests))["gateway"]
    assert gateway["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "http"}
    assert gateway["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "http"}


def test_the_gateway_has_memory_for_all_that_it_takes_at_once(manifests: Sequence[Document], compose: Document) -> None:
    limits = LimitSettings()
    bodies = LARGEST_AT_ONCE * limits.batch_bytes + THREADS * LARGE
    needed = GATEWAY_ITSELF + bodies + limits.image_pixels * BYTES_PER_PIXEL
    given = {
        dict(containers(manifests))["gateway"]["resources"]["limits"]["memory"],
        compose["services"]["gateway"]["deploy"]["resources"]["limits"]["memory"],
    }
    for text in given:
        assert int(text.rstrip("Mim")) * MIB > needed, text


def test_style_workers_are_given_longest_to_end(manifests: Sequence[Document]) -> None:
    grace = {name: pod["terminationGracePeriodSeconds"] for name, pod in workloads(manifests).items()}
    longest = {name for name, seconds in grace.items() if seconds == max(grace.values())}
    assert longest == {"style-worker", "style-bulk-worker"}


def test_the_gateway_survives_a_node(manifests: Sequence[Document]) -> None:
    [scaler] = of_kind(manifests, "HorizontalPodAutoscaler").values()
    assert scaler["spec"]["scaleTargetRef"]["name"] == "gateway"
    assert scaler["spec"]["minReplicas"] >= 2
    assert "replicas" not in of_kind(manifests, "Deployment")["gateway"]["spec"]  # the scaler's to decide
    [budget] = of_kind(manifests, "PodDisruptionBudget").values()
    assert budget["spec"]["minAvailable"] == 1
    [spread] = workloads(manifests)["gateway"]["topologySpreadConstraints"]
    assert spread["topologyKey"] == "kubernetes.io/hostname"


def test_every_selector_finds_its_pods(manifests: Sequence[Document]) -> None:
    labels = {
        d["metadata"]["name"]: d["spec"]["template"]["metadata"]["labels"]
        for d in manifests
        if d["kind"] in {"Deployment", "StatefulSet"}
    }
    for kind in ("Deployment", "StatefulSet", "Service", "PodDisruptionBudget"):
        for name, document in of_kind(manifests, kind).items():
            selector = document["spec"]["selector"]
            assert selector.get("matchLabels", selector).items() <= labels[name].items(), (kind, name)


def test_every_service_leads_to_a_port_of_its_pods(manifests: Sequence[Document]) -> None:
    ports = {name: {p["name"] for p in c.get("ports", [])} for name, c in containers(manifests)}
    for name, service in of_kind(manifests, "Service").items():
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports[name]
    for name, store in of_kind(manifests, "StatefulSet").items():
        assert store["spec"]["serviceName"] == name
        assert store["spec"]["volumeClaimTemplates"]


def test_every_setting_exists(manifests: Sequence[Document], settings: Mapping[str, FieldInfo]) -> None:
    used = {e["name"] for _, c in containers(manifests) for e in c["env"] if e["name"].startswith("LIKENESS_")}
    for config in of_kind(manifests, "ConfigMap").values():
        used |= set(config["data"])
    assert used <= set(settings)


def test_ours_are_given_every_setting_without_a_default(
    manifests: Sequence[Document], settings: Mapping[str, FieldInfo]
) -> None:
    required = {name for name, field in settings.items() if field.is_required()}
    configs = of_kind(manifests, "ConfigMap")
    for name, container in containers(manifests):
        if name in STORES:
            continue
        given = {entry["name"] for entry in container["env"]}
        for source in container["envFrom"]:
            given |= set(configs[source["configMapRef"]["name"]]["data"])
        assert required <= given, name


def test_the_redis_url_is_made_from_the_password_before_it(manifests: Sequence[Document]) -> None:
    """Kubernetes expands $(NAME) only from entries of `env` that come earlier."""
    for name, container in containers(manifests):
        if name in STORES:
            continue
        names = [entry["name"] for entry in container["env"]]
        url = container["env"][names.index("LIKENESS_REDIS__URL")]["value"]
        assert re.findall(r"\$\((\w+)\)", url) == ["REDIS_PASSWORD"]
        assert names.index("REDIS_PASSWORD") < names.index("LIKENESS_REDIS__URL"), name


def test_no_secret_has_a_value(manifests: Sequence[Document], secret_settings: frozenset[str]) -> None:
    assert not of_kind(manifests, "Secret")
    for config in of_kind(manifests, "ConfigMap").values():
        assert not secret_settings & set(config["data"])
    for name, container in containers(manifests):
        for entry in container["env"]:
            if entry["name"] in secret_settings or re.search("PASSWORD|SECRET|ACCESS_KEY|ROOT", entry["name"]):
                reference = entry.get("valueFrom", {}).get("secretKeyRef", {}).get("name")
                composed = "$(REDIS_PASSWORD)" in entry.get("value", "")
                assert composed or reference == "likeness-secrets", (name, entry["name"])


def test_nothing_is_reachable_but_what_a_policy_allows(manifests: Sequence[Document]) -> None:
    policies = {name: d["spec"] for name, d in of_kind(manifests, "NetworkPolicy").items()}
    assert policies.pop("deny-all") == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    incoming = {name: spec for name, spec in policies.items() if "Ingress" in spec["policyTypes"]}
    assert set(incoming) == {"gateway-from-ingress", "stores-from-apps"}

    gateway = incoming["gateway-from-ingress"]
    assert gateway["podSelector"]["matchLabels"] == {"app.kubernetes.io/name": "gateway"}
    [rule] = gateway["ingress"]
    assert rule["from"] == [{"namespaceSelector": {"matchLabels": {"likeness/ingress": "true"}}}]

    stores = incoming["stores-from-apps"]
    [expression] = stores["podSelector"]["matchExpressions"]
    assert set(expression["values"]) == STORES
    [rule] = stores["ingress"]
    assert rule["from"] == [{"podSelector": {"matchLabels": {"app.kubernetes.io/component": "app"}}}]


def test_only_webhooks_reach_the_internet_and_nothing_else_of_ours_by_it(manifests: Sequence[Document]) -> None:
    policies = {name: d["spec"] for name, d in of_kind(manifests, "NetworkPolicy").items()}
    outward = {
        name: spec for name, spec in policies.items() if any("ipBlock" in str(rule) for rule in spec.get("egress", []))
    }
    assert set(outward) == {"webhooks-to-internet"}
    spec = outward["webhooks-to-internet"]
    assert spec["podSelector"]["matchLabels"] == {"app.kubernetes.io/name": "webhooks"}
    [rule] = spec["egress"]
    blocks = [ip_network(cidr) for block in rule["to"] for cidr in block["ipBlock"]["except"]]
    for private in ("10.1.2.3", "172.20.0.1", "192.168.9.9", "100.64.0.1", "169.254.169.254", "127.0.0.1"):
        assert any(ip_address(private) in block for block in blocks if block.version == 4), private
    ports = {port["port"] for port in rule["ports"]}
    assert ports == {port for allowed in WebhookSettings().allowed_ports for port in allowed}


def test_the_policies_know_our_pods_by_a_label_that_the_stores_lack(manifests: Sequence[Document]) -> None:
    for document in manifests:
        if document["kind"] in {"Deployment", "StatefulSet"}:
            labels = document["spec"]["template"]["metadata"]["labels"]
            is_store = document["metadata"]["name"] in STORES
            assert (labels.get("app.kubernetes.io/component") == "app") is not is_store


@pytest.mark.parametrize(("overlay", "device"), [("cpu", "cpu"), ("gpu", "cuda")])
def test_an_overlay_decides_the_device(
    rendered: Mapping[str, Sequence[Document]], version: str, overlay: str, device: str
) -> None:
    """With cuda a worker on a node without CUDA refuses to start, instead of computing slowly."""
    for name, container in containers(rendered[overlay]):
        devices = [entry["value"] for entry in container["env"] if entry["name"] == "LIKENESS_DEVICE"]
        if name in ON_GPU:
            assert devices == [device]
            assert container["image"] == f"likeness-worker:{version}-{device}"
        else:
            assert devices == []


def test_only_the_gpu_overlays_workers_demand_a_gpu(rendered: Mapping[str, Sequence[Document]]) -> None:
    for overlay, manifests in rendered.items():
        for name, container in containers(manifests):
            wanted = 1 if overlay == "gpu" and name in ON_GPU else None
            assert container["resources"]["limits"].get("nvidia.com/gpu") == wanted
    for name in ON_GPU:
        pod = workloads(rendered["gpu"])[name]
        assert pod["nodeSelector"] == {"nvidia.com/gpu.present": "true"}
        assert [toleration["key"] for toleration in pod["tolerations"]] == ["nvidia.com/gpu"]
        rollout = of_kind(rendered["gpu"], "Deployment")[name]["spec"]["strategy"]["rollingUpdate"]
        assert rollout["maxSurge"] == 0  # no second GPU is needed for a new version


def test_torch_has_as_many_threads_as_the_pod_has_cores(manifests: Sequence[Document]) -> None:
    for name, container in containers(manifests):
        if name in ON_GPU:
            [threads] = [e for e in container["env"] if e["name"] == "LIKENESS_WORKERS__TORCH_THREADS"]
            assert threads["valueFrom"]["resourceFieldRef"]["resource"] == "limits.cpu"
