"""The Helm chart runs what docker-compose.yml runs, as safely."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from service.embedded.triton import trace_options
from service.settings import MetricsSettings, Settings
from tests.unit.docker.chart import (
    CHART,
    EVERYTHING,
    GPU_POOL,
    Chart,
    ChartError,
    Manifest,
    Manifests,
)
from tests.unit.docker.test_compose import interpolate

ROOT = Path(__file__).parents[3]
# The compose service that each pod is.
SAME = {
    "hiir-api": "api",
    "hiir-worker": "worker",
    "hiir-webhooks": "webhooks",
    "hiir-triton-cpu": "triton-cpu",
    "hiir-triton-l4": "triton-gpu",
    "hiir-triton-slices": "triton-gpu",
}
# What differs on purpose: names of servers, the Secret, a drain that no job outlasts.
OTHER_VALUES = {"HIIR_MODELS", "HIIR_REDIS_URL", "HIIR_TRITON_URL", "HIIR_JOBS__DRAIN_SECONDS"}
Services = dict[str, dict[str, Any]]


def seconds(text: str) -> int:
    return int(text.removesuffix("s"))


def values() -> dict[str, Any]:
    return yaml.safe_load((CHART / "values.yaml").read_text())


@pytest.mark.parametrize(("pod", "service"), SAME.items())
def test_a_container_runs_the_command_of_compose(
    all_pods: Manifests, services: Services, pod: str, service: str
) -> None:
    container = all_pods.container(pod)
    # `command` in compose replaces what the image runs, and keeps its entry point: `args` here.
    assert "command" not in container
    command = [interpolate(word) for word in services[service].get("command", ())]
    changed = set(container.get("args", ())) ^ set(command)
    assert all(word.startswith("--trace-config=") for word in changed)  # with a collector alone
    assert len(container.get("args", ())) == len(command)


@pytest.mark.parametrize(("pod", "service"), SAME.items())
def test_without_a_collector_the_commands_are_the_same(
    chart: Chart, services: Services, pod: str, service: str
) -> None:
    untraced = chart.render({**EVERYTHING, "tracing": {}})
    pods = {**dict(chart.render().pods()), **dict(untraced.pods())}
    (container,) = pods[pod]["containers"]
    command = [interpolate(word) for word in services[service].get("command", ())]
    assert container.get("args", []) == command


def test_triton_sends_its_spans_where_the_service_sends_them(everything: Manifests) -> None:
    (url,) = {
        variable["value"]
        for pod in ("hiir-api", "hiir-worker", "hiir-webhooks")
        for variable in everything.container(pod)["env"]
        if variable["name"] == "OTEL_EXPORTER_OTLP_ENDPOINT"
    }
    options = everything.container("hiir-triton-l4")["args"]
    assert options[-5:] == list(trace_options(f"{url}/v1/traces"))


@pytest.mark.parametrize("component", ["api", "worker", "webhooks", "triton"])
def test_a_collector_can_be_reached(
    plain: Manifests, everything: Manifests, component: str
) -> None:
    ports = [
        [rule["ports"][0]["port"] for rule in egress(each, component)]
        for each in (plain, everything)
    ]
    assert 4318 not in ports[0]
    assert {53, 4318} <= set(ports[1])


@pytest.mark.parametrize(("pod", "service"), SAME.items())
def test_a_container_has_the_environment_of_compose(
    all_pods: Manifests, services: Services, pod: str, service: str
) -> None:
    environment = {each["name"]: each.get("value") for each in all_pods.container(pod)["env"]}
    # Those without a value are passed on by compose, if they are set where it runs.
    expected = {name: v for name, v in services[service]["environment"].items() if v is not None}
    own = {name for name in environment if name.startswith("OTEL_")}
    assert environment.keys() - {"HIIR_JOBS__RESULT_SECONDS"} - own == expected.keys()
    if service in {"api", "worker", "webhooks"}:
        assert own <= services[service]["environment"].keys()
    for name in expected.keys() - OTHER_VALUES:
        assert environment[name] == expected[name], name


@pytest.mark.parametrize("pod", ["hiir-worker", "hiir-webhooks"])
def test_health_is_what_compose_asks(everything: Manifests, services: Services, pod: str) -> None:
    program, *words = services[SAME[pod]]["healthcheck"]["test"]
    probe = everything.container(pod)["livenessProbe"]
    assert (program, words) == ("CMD", probe["exec"]["command"])
    check = services[SAME[pod]]["healthcheck"]
    assert probe["periodSeconds"] == seconds(check["interval"])
    assert probe["timeoutSeconds"] == seconds(check["timeout"])
    assert probe["failureThreshold"] == check["retries"]


def test_the_api_restarts_for_its_own_faults_alone(plain: Manifests, services: Services) -> None:
    container = plain.container("hiir-api")
    for name in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container[name]["httpGet"] == {"path": "/livez", "port": "http"}
    assert "http://127.0.0.1:8000/livez" in services["api"]["healthcheck"]["test"][-1]
    assert {"name": "http", "containerPort": 8000} in container["ports"]


@pytest.mark.parametrize("pool", ["cpu", "l4", "slices"])
def test_triton_is_ready_when_compose_says_so_and_has_time_to_build_engines(
    all_pods: Manifests, services: Services, pool: str
) -> None:
    container = all_pods.container(f"hiir-triton-{pool}")
    asked = services["triton-cpu"]["healthcheck"]["test"][1:]
    startup = container["startupProbe"]
    assert startup["exec"]["command"] == container["readinessProbe"]["exec"]["command"] == asked
    assert startup["periodSeconds"] * startup["failureThreshold"] >= 1800
    assert container["livenessProbe"]["exec"]["command"][-1].endswith("/v2/health/live")


@pytest.mark.parametrize(("pod", "service"), SAME.items())
def test_a_pod_ends_in_the_time_of_compose(
    all_pods: Manifests, services: Services, pod: str, service: str
) -> None:
    grace = dict(all_pods.pods())[pod]["terminationGracePeriodSeconds"]
    if service == "worker":
        assert grace >= Settings().jobs.hard_time_limit + 60
        assert grace >= values()["worker"]["drainSeconds"] + 30
    else:
        assert grace == seconds(services[service]["stop_grace_period"])


def test_the_api_drains_within_its_grace(plain: Manifests) -> None:
    command = (ROOT / "docker/Dockerfile.api").read_text()
    (in_progress,) = re.findall(r'"--timeout-graceful-shutdown", "(\d+)"', command)
    grace = dict(plain.pods())["hiir-api"]["terminationGracePeriodSeconds"]
    assert grace >= Settings().drain_seconds + int(in_progress)


@pytest.mark.parametrize("pod", ["hiir-api", "hiir-worker", "hiir-webhooks", "hiir-triton-cpu"])
def test_limits_are_those_of_compose(plain: Manifests, services: Services, pod: str) -> None:
    limits = plain.container(pod)["resources"]["limits"]
    service = services[SAME[pod]]
    memory = re.sub(r"\$\{\w+:-(\w+)\}", r"\1", service["mem_limit"])
    assert limits["memory"].lower() == f"{memory}i"
    assert str(limits["cpu"]) == re.sub(r"\$\{\w+:-(\w+)\}", r"\1", str(service["cpus"]))


def test_tritons_image_is_that_of_compose(plain: Manifests, services: Services) -> None:
    image = plain.container("hiir-triton-cpu")["image"]
    assert services["triton-cpu"]["image"] == f"${{HIIR_TRITON_IMAGE:-{image}}}"


def test_the_exporter_runs_its_images_command(everything: Manifests, chart: Chart) -> None:
    run = (ROOT / "docker/Dockerfile.exporter").read_text().partition("\nCMD ")[2].strip()
    words = yaml.safe_load(run)
    container = everything.container("hiir-export-models")
    assert container["args"] == [*words, "--target=gpu", "--repository=model_repository"]
    on_cpu = chart.render({"models": {"export": {"enabled": True}}})
    assert "args" not in on_cpu.container("hiir-export-models")


def test_every_pod_is_restricted(everything: Manifests) -> None:
    pods = dict(everything.pods())
    assert len(pods) == 7
    for name, pod in pods.items():
        assert pod["automountServiceAccountToken"] is False, name
        assert pod["enableServiceLinks"] is False, name  # they would look like settings
        context = pod["securityContext"]
        assert context["runAsNonRoot"] is True, name
        assert context["runAsUser"] > 0, name
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}, name
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, name
            assert {"requests", "limits"} <= container["resources"].keys(), name


def test_a_pod_runs_as_the_user_of_its_image(everything: Manifests) -> None:
    for name, image in (("api", "api"), ("worker", "worker"), ("export-models", "exporter")):
        (user,) = re.findall(
            r"^USER (\d+)$", (ROOT / f"docker/Dockerfile.{image}").read_text(), re.MULTILINE
        )
        pod = dict(everything.pods())[f"hiir-{name}"]
        assert pod["securityContext"]["runAsUser"] == int(user)


def test_passwords_come_from_secrets(everything: Manifests) -> None:
    for name in ("api", "worker", "webhooks", "bootstrap-key"):
        environment = everything.container(f"hiir-{name}")["env"]
        (url,) = (each for each in environment if each["name"] == "HIIR_REDIS_URL")
        assert url["valueFrom"] == {"secretKeyRef": {"name": "hiir-redis", "key": "url"}}
    for name in ("api", "worker"):
        container = everything.container(f"hiir-{name}")
        assert container["envFrom"] == [{"secretRef": {"name": "hiir-bucket"}}]
    assert not everything.of("Secret")


def test_models_are_read_only(all_pods: Manifests) -> None:
    for name in SAME:
        mounts = {each["name"]: each for each in all_pods.container(name)["volumeMounts"]}
        assert mounts["models"] == {"name": "models", "mountPath": "/models", "readOnly": True}


def test_metrics_are_asked_for_at_the_ports_that_are_served(all_pods: Manifests) -> None:
    ports = {
        name: {port["name"]: port["containerPort"] for port in all_pods.container(name)["ports"]}
        for name in ("hiir-api", "hiir-worker", "hiir-triton-cpu")
    }
    settings = MetricsSettings()
    assert ports["hiir-api"]["metrics"] == settings.api_port
    assert ports["hiir-worker"]["metrics"] == settings.worker_port
    assert ports["hiir-triton-cpu"]["metrics"] == 8002
    for monitor in all_pods.of("PodMonitor"):
        assert monitor["spec"]["podMetricsEndpoints"] == [{"port": "metrics", "interval": "15s"}]


def test_every_selector_selects_pods_of_its_own(everything: Manifests) -> None:
    templates = [
        each["spec"]["template"] for each in everything.all if "template" in each.get("spec", {})
    ]
    labels = [template["metadata"]["labels"].items() for template in templates]
    selectors = [
        each["spec"]["selector"].get("matchLabels", each["spec"]["selector"])
        for kind in ("Service", "PodDisruptionBudget", "PodMonitor", "Deployment", "StatefulSet")
        for each in everything.of(kind)
    ]
    selectors += [
        each["spec"]["podSelector"]["matchLabels"] for each in everything.of("NetworkPolicy")
    ]
    assert len(selectors) == 2 + 5 + 3 + 3 + 2 + 6
    for selector in selectors:
        assert any(selector.items() <= each for each in labels), selector


def test_all_pools_answer_to_the_name_that_the_service_calls(everything: Manifests) -> None:
    service = everything.one("Service", "hiir-triton")["spec"]
    assert service["clusterIP"] == "None"
    assert service["ports"][0]["port"] == 8001
    for pool in everything.of("StatefulSet"):
        assert pool["spec"]["serviceName"] == "hiir-triton"
        assert service["selector"].items() <= pool["spec"]["template"]["metadata"]["labels"].items()
        assert pool["spec"]["template"]["spec"]["topologySpreadConstraints"]
    for name in ("api", "worker"):
        urls = {
            each["name"]: each.get("value") for each in everything.container(f"hiir-{name}")["env"]
        }
        assert urls["HIIR_TRITON_URL"] == "dns:///hiir-triton:8001"


def test_a_pool_gets_its_gpus_and_nodes(everything: Manifests) -> None:
    resources = everything.container("hiir-triton-l4")["resources"]
    assert resources["limits"] == {"memory": "24Gi", "nvidia.com/gpu": 1}
    slices = everything.container("hiir-triton-slices")["resources"]
    assert slices["limits"] == {"nvidia.com/mig-1g.10gb": 1}
    pod = dict(everything.pods())["hiir-triton-l4"]
    assert pod["nodeSelector"] == {"nvidia.com/gpu.product": "NVIDIA-L4"}
    assert pod["tolerations"][0]["key"] == "nvidia.com/gpu"


def test_a_pool_of_gpus_has_a_folder_for_engines_without_a_volume(everything: Manifests) -> None:
    pod = dict(everything.pods())["hiir-triton-slices"]
    assert {"name": "engines", "emptyDir": {}} in pod["volumes"]
    assert {"name": "engines", "mountPath": "/engines"} in pod["containers"][0]["volumeMounts"]


def test_gpu_servers_and_the_service_are_given_the_same_models(chart: Chart) -> None:
    rendered = chart.render(
        {"models": {"names": ["sr-x2"]}, "triton": {"pools": {"cpu": None, "l4": GPU_POOL}}}
    )
    for name in ("hiir-api", "hiir-worker", "hiir-triton-l4"):
        environment = {each["name"]: each.get("value") for each in rendered.container(name)["env"]}
        assert environment["HIIR_MODELS"] == '["sr-x2"]'


def test_engines_are_kept_where_they_are_written(plain: Manifests, everything: Manifests) -> None:
    from gpu_server.__main__ import _LINK, _VOLUME
    from hiir.export.triton_config import ENGINES, Target, render_config  # imports torch
    from hiir.models.release import load_release

    pool = everything.one("StatefulSet", "hiir-triton-l4")["spec"]
    (claim,) = pool["volumeClaimTemplates"]
    assert claim["spec"]["resources"] == {"requests": {"storage": "20Gi"}}
    mounts = {
        each["name"]: each["mountPath"]
        for each in everything.container("hiir-triton-l4")["volumeMounts"]
    }
    assert mounts["engines"] == str(_VOLUME)
    config = render_config(load_release("denoise-color").contract, target=Target.GPU)
    assert f'key: "trt_engine_cache_path" value: "{_LINK}/' in config
    assert str(_LINK) == ENGINES
    assert "volumeClaimTemplates" not in plain.one("StatefulSet", "hiir-triton-cpu")["spec"]


def egress(manifests: Manifests, component: str) -> list[Manifest]:
    return manifests.one("NetworkPolicy", f"hiir-{component}")["spec"].get("egress", [])


def test_the_webhook_sender_alone_reaches_the_outside(plain: Manifests) -> None:
    outside = {
        policy["metadata"]["name"]
        for policy in plain.of("NetworkPolicy")
        for rule in policy["spec"].get("egress", [])
        if not rule.get("to") or any("ipBlock" in peer for peer in rule["to"])
    }
    assert outside == {"hiir-webhooks"}
    assert egress(plain, "webhooks")[-1]["ports"] == [{"protocol": "TCP", "port": 443}]
    blocked = egress(plain, "webhooks")[-1]["to"][0]["ipBlock"]["except"]
    assert {"10.0.0.0/8", "169.254.0.0/16"} <= set(blocked)
    assert egress(plain, "triton") == []


def test_what_no_policy_allows_is_closed(plain: Manifests, everything: Manifests) -> None:
    closed = plain.one("NetworkPolicy", "hiir-closed")["spec"]
    assert closed["policyTypes"] == ["Ingress", "Egress"]
    assert not {"ingress", "egress"} & closed.keys()
    for kind in ("Deployment", "StatefulSet", "Job"):
        for manifest in everything.of(kind):
            labels = manifest["spec"]["template"]["metadata"]["labels"]
            assert closed["podSelector"]["matchLabels"].items() <= labels.items()


def test_a_bucket_outside_is_reached_by_api_and_workers(everything: Manifests) -> None:
    for component in ("api", "worker"):
        assert egress(everything, component)[-1]["to"] == [{"ipBlock": {"cidr": "203.0.113.0/24"}}]
    sender = [peer for rule in egress(everything, "webhooks") for peer in rule["to"]]
    assert {"ipBlock": {"cidr": "203.0.113.0/24"}} not in sender


def test_there_are_always_two_apis_and_one_stays(plain: Manifests) -> None:
    scaled = plain.one("HorizontalPodAutoscaler", "hiir-api")["spec"]
    assert scaled["minReplicas"] == 2
    assert "replicas" not in plain.one("Deployment", "hiir-api")["spec"]
    assert plain.one("PodDisruptionBudget", "hiir-api")["spec"]["minAvailable"] == 1


def test_what_is_scaled_by_somebody_else_has_no_replicas(
    plain: Manifests, everything: Manifests
) -> None:
    assert plain.one("Deployment", "hiir-worker")["spec"]["replicas"] == 1
    assert "replicas" not in everything.one("Deployment", "hiir-worker")["spec"]


def test_rules_and_dashboard_are_those_of_the_monitoring_folder(everything: Manifests) -> None:
    monitoring = ROOT / "docker/monitoring"
    rules = everything.one("PrometheusRule", "hiir")
    assert rules["spec"] == yaml.safe_load((monitoring / "alerts.yml").read_text())
    dashboard = everything.one("ConfigMap", "hiir-dashboard")["data"]["hiir.json"]
    assert dashboard.strip() == (monitoring / "grafana-dashboard.json").read_text().strip()


def test_a_packaged_chart_holds_all_that_it_needs(
    chart: Chart, everything: Manifests, tmp_path: Path
) -> None:
    archive = chart.package(tmp_path)
    assert chart.render(EVERYTHING, path=archive) == everything


def test_the_first_key_is_created_by_the_command_that_creates_keys(everything: Manifests) -> None:
    from service.keys.__main__ import _parser

    container = everything.container("hiir-bootstrap-key")
    assert container["args"][:3] == ["python", "-m", "service.keys"]
    options = _parser().parse_args(container["args"][3:])
    assert (options.tenant, options.scope, options.days) == ("museum", ["admin"], 1)
    job = everything.one("Job", "hiir-bootstrap-key")
    assert job["spec"]["ttlSecondsAfterFinished"] <= 600
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "post-install"


def test_models_are_exported_to_a_claim_or_not_at_all(chart: Chart) -> None:
    volume = {"persistentVolumeClaim": None, "csi": {"driver": "example.org"}}
    with pytest.raises(ChartError, match="writes to a claim"):
        chart.render({"models": {"volume": volume, "export": {"enabled": True}}})


def test_servers_of_cpus_and_gpus_are_not_mixed(chart: Chart) -> None:
    with pytest.raises(ChartError, match=r"needs pools of CPUs or of GPUs, not of both"):
        chart.render({"triton": {"pools": {"l4": GPU_POOL}}})
    with pytest.raises(ChartError, match=r"needs pools of CPUs or of GPUs"):
        chart.render({"triton": {"pools": {"cpu": None, "l4": None}}})
