"""What deploy/ says is so: settings that exist, files that exist, limits that fit together, nothing that floats."""

from __future__ import annotations

import configparser
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from django.conf import settings

from packages import handing_over
from registry_site import env

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose/compose.yml").read_text())
OURS = {name: each for name, each in COMPOSE["services"].items() if each["image"].startswith("npm-registry")}
DOCKERFILE = (DEPLOY / "docker/Dockerfile").read_text().replace("\\\n", " ")
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
PYTHONS = {"PATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "PIP_NO_CACHE_DIR", "PIP_DISABLE_PIP_VERSION_CHECK"}
GRACE = 20  # graceful_timeout of gunicorn.conf.py
BODY = 1.4  # npm sends a tarball as text, a third longer, in a document


def lines_of(path: Path) -> dict[str, str]:
    """Of a file of settings, also those that are commented out."""
    found = re.findall(r"^(?:# )?([A-Z][A-Z_]+)=(.*)$", path.read_text(), re.MULTILINE)
    return dict(found)


def unit(path: Path) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str
    parser.read(path)
    return parser


def manifests() -> list[dict]:
    return [
        each
        for path in sorted((DEPLOY / "kubernetes").glob("*.yaml"))
        for each in yaml.safe_load_all(path.read_text())
        if each["kind"] != "Kustomization"
    ]


def pods() -> dict[str, dict]:
    found = {each["metadata"]["name"]: each for each in manifests() if each["kind"] in ("Deployment", "Job")}
    return {name: each["spec"]["template"]["spec"] for name, each in found.items()}


def said() -> dict[str, dict[str, str]]:
    """The settings that each file gives, by file."""
    compose = {f"compose {name}": each["environment"] for name, each in OURS.items()}
    units = {
        each.name: dict(word.split("=", 1) for word in unit(each)["Service"]["Environment"].split()) for each in UNITS
    }
    image = dict(re.findall(r"\b([A-Z][A-Z_]+)=(\S+)", " ".join(re.findall(r"^ENV (.*)$", DOCKERFILE, re.MULTILINE))))
    files = {str(each): lines_of(DEPLOY / each) for each in ("kubernetes/settings.env", "systemd/registry.env")}
    heads = {
        each: dict(re.findall(r"([A-Z_]{4,})=([^\s,]+)", (DEPLOY / each).read_text().partition("\n\n")[0]))
        for each in ("nginx/registry.conf", "caddy/Caddyfile")
    }
    return {**compose, **units, **files, **heads, "Dockerfile": image}


@pytest.mark.parametrize("file", said())
def test_each_setting_is_one_of_ours_and_takes_the_value(file, monkeypatch):
    known = {*env.seen, *(f"{name}_FILE" for name, reading in env.seen.items() if reading.is_secret)}
    given = said()[file]
    assert given
    assert not set(given) - known - PYTHONS
    monkeypatch.setattr(env, "seen", {})
    for name, value in given.items():
        if name not in PYTHONS and "${" not in value:
            monkeypatch.setenv(name, value)
    assert env.one_of("WORKER", "beside", "apart")
    assert env.one_of("TARBALLS_BY", "app", "x-accel", "x-sendfile", "redirect")
    assert env.one_of("LOG_FORMAT", "text", "json")
    assert env.whole("DRAIN_SECONDS", 0) < 60
    env.address("PUBLIC_URL")


def test_the_image_holds_what_runs_and_nothing_else(tmp_path):
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    assert rules[0] == "*"
    for name in (line[1:] for line in rules if line.startswith("!")):
        source, target = ROOT / name, tmp_path / "srv" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
        else:
            shutil.copy2(source, target)
    environ = {"PATH": os.environ["PATH"], "DATA_DIR": str(tmp_path / "data"), "STATIC_DIR": str(tmp_path / "static")}
    made = {"cwd": tmp_path / "srv", "env": environ, "capture_output": True, "text": True, "timeout": 120}
    done = subprocess.run([sys.executable, "manage.py", "prepare", "--static"], **made)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "static/staticfiles.json").exists()
    stamp = (tmp_path / "static/.collected").stat()
    for words in (["prepare", "--static"], ["check"]):
        done = subprocess.run([sys.executable, "manage.py", *words], **made)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "static/.collected").stat().st_mtime_ns == stamp.st_mtime_ns, "the root may be read-only"


def test_the_image_is_small_locked_and_runs_as_nobody_in_particular():
    stages = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert len(set(stages)) == 1
    assert "-slim-" in stages[0]
    assert "--require-hashes" in DOCKERFILE
    last = DOCKERFILE.rpartition("\nFROM ")[2]
    assert re.search(r"^USER (\d+):(\d+)$", last, re.MULTILINE).groups() == ("10001", "10001")
    for line in ("ENTRYPOINT", "HEALTHCHECK"):
        (words,) = re.findall(rf"^{line}.*?(\[.*\])$", last, re.MULTILINE)
        path = ROOT / yaml.safe_load(words)[-1]
        assert path.exists()
        assert line != "ENTRYPOINT" or os.access(path, os.X_OK)
    copied = [word for line in re.findall(r"^COPY (?!--)(.*)$", DOCKERFILE, re.MULTILINE) for word in line.split()[:-1]]
    assert all((ROOT / each).exists() for each in copied)


def test_every_image_is_named_with_its_version():
    named = {each["image"] for each in COMPOSE["services"].values()} | set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.M))
    for each in named:
        assert re.search(r":v?\d", each), f"{each} floats"
    ours = {each["image"] for each in OURS.values()}
    kustomization = yaml.safe_load((DEPLOY / "kubernetes/kustomization.yaml").read_text())
    assert ours == {f"{each['name']}:{each['newTag']}" for each in kustomization["images"]}
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert ours == {f"npm-registry:{version}"}


def test_what_a_container_is_told_to_do_exists():
    commands = {path.stem for path in ROOT.glob("*/management/commands/*.py")}
    told = [each["command"] for each in OURS.values()] + [each["containers"][0]["args"] for each in pods().values()]
    assert {each[0] for each in told} == {"prepare", "web", "work"}
    assert {each[0] for each in told} - {"web", "serve"} <= commands
    script = (DEPLOY / "docker/start").read_text()
    assert "    web)" in script
    assert "    serve)" in script
    assert shlex.split(script, comments=True)


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_compose_mounts_and_asks_for_what_there_is(name):
    service = COMPOSE["services"][name]
    folder = DEPLOY / "compose"
    if "build" in service:
        context = (folder / service["build"]["context"]).resolve()
        assert context == ROOT
        assert (context / service["build"]["dockerfile"]).exists()
    for volume in service.get("volumes", []):
        source = volume.split(":")[0]
        assert (folder / source).is_file() if source.startswith(".") else source in COMPOSE["volumes"]
    assert set(service.get("secrets", [])) <= set(COMPOSE["secrets"])
    assert set(service.get("depends_on", {})) <= set(COMPOSE["services"])
    files = [value for key, value in service.get("environment", {}).items() if key.endswith("_FILE")]
    assert {value.rpartition("/")[2] for value in files} == set(service.get("secrets", []))
    for other, how in service.get("depends_on", {}).items():
        waits_for = COMPOSE["services"][other]
        checked = "healthcheck" in waits_for and waits_for["healthcheck"] != {"disable": True}
        assert how["condition"] != "service_healthy" or checked or other == "app"


def test_compose_runs_ours_without_rights():
    for service in OURS.values():
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        assert "no-new-privileges:true" in service["security_opt"]


def test_the_script_of_secrets_makes_all_that_compose_asks_for_once(tmp_path):
    script = shutil.copy(DEPLOY / "compose/secrets.sh", tmp_path)
    subprocess.run(["sh", script], timeout=30, check=True)
    folder = tmp_path / "secrets"
    made = {path.name: path.read_text() for path in folder.iterdir()}
    assert {f"./secrets/{name}" for name in made} == {
        *(each["file"] for each in COMPOSE["secrets"].values()),
        *(file for each in COMPOSE["services"].values() for file in each.get("env_file", [])),
    }
    assert folder.stat().st_mode & 0o777 == 0o700
    assert len(made["secret_key"]) >= 50
    assert made["database_password"] in made["database_url"]
    store = lines_of(folder / "store.env")
    assert re.fullmatch(r"GK[0-9a-f]{24}", made["store_key_id"]), "as Garage has them"
    assert (store["GARAGE_DEFAULT_ACCESS_KEY"], store["GARAGE_DEFAULT_SECRET_KEY"]) == (
        made["store_key_id"],
        made["store_key"],
    )
    again = subprocess.run(["sh", script], timeout=30, capture_output=True)
    assert again.returncode != 0
    assert {path.name: path.read_text() for path in folder.iterdir()} == made


def test_the_object_stores_settings_are_read():
    store = tomllib.loads((DEPLOY / "compose/garage.toml").read_text())
    address = OURS["app"]["environment"]["STORAGE_URL"]
    assert f"region={store['s3_api']['s3_region']}" in address
    assert store["s3_api"]["api_bind_addr"].rpartition(":")[2] in address
    assert store["data_fsync"], "what was acknowledged is on a disk"
    assert store["metadata_fsync"]


def test_kubernetes_is_told_of_every_file_and_of_no_secret():
    folder = DEPLOY / "kubernetes"
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
    there = {path.name for path in folder.glob("*.yaml")} - {"kustomization.yaml", "secret.example.yaml"}
    assert set(kustomization["resources"]) == there
    assert all((folder / each).exists() for make in kustomization["configMapGenerator"] for each in make["envs"])
    secrets = [each for each in manifests() if each["kind"] == "Secret"]
    assert secrets
    assert not any(value for each in secrets for value in each["stringData"].values())
    named = {each["metadata"]["name"]: each["stringData"] for each in secrets}
    read = {Path(value).name for key, value in lines_of(folder / "settings.env").items() if key.endswith("_FILE")}
    assert read == set(named["registry-secrets"])
    for spec in pods().values():
        volumes = {each["name"]: each for each in spec["volumes"]}
        assert {each["secret"]["secretName"] for each in volumes.values() if "secret" in each} == set(named)
        assert {each["name"] for each in spec["containers"][0]["volumeMounts"]} == set(volumes)
        mounts = {each["mountPath"] for each in spec["containers"][0]["volumeMounts"]}
        assert {"/data", "/tmp", "/keys", "/run/secrets/registry"} == mounts  # noqa: S108
        assert spec["securityContext"]["runAsNonRoot"]
        assert spec["containers"][0]["securityContext"]["readOnlyRootFilesystem"]


def test_a_pod_has_room_for_all_uploads_it_takes_at_once():
    said = {key: int(value) for key, value in lines_of(DEPLOY / "kubernetes/settings.env").items() if value.isdigit()}
    spool = said["WEB_CONCURRENCY"] * said["UPLOADS_AT_ONCE"] * said["MAX_TARBALL_MB"]
    (data,) = (each for each in pods()["registry"]["volumes"] if each["name"] == "data")
    assert int(data["emptyDir"]["sizeLimit"].removesuffix("Gi")) * 1024 > 2 * spool


def test_kubernetes_probes_exist_and_the_service_finds_its_pods():
    from registry_site import health

    found = {(each["kind"], each["metadata"]["name"]): each["spec"] for each in manifests() if "spec" in each}
    app = found["Deployment", "registry"]["template"]
    (container,) = app["spec"]["containers"]
    probed = {container[each]["httpGet"]["path"] for each in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert probed == set(health.PROBES)
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz/live", "a database that is away stops no pod"
    labels = app["metadata"]["labels"].items()
    assert found["Service", "registry"]["selector"].items() <= labels
    assert found["PodDisruptionBudget", "registry"]["selector"]["matchLabels"].items() <= labels
    assert found["Deployment", "registry"]["replicas"] > found["PodDisruptionBudget", "registry"]["minAvailable"]
    backend = found["Ingress", "registry"]["rules"][0]["http"]["paths"][0]["backend"]["service"]
    assert ("Service", backend["name"]) in found


@pytest.mark.parametrize("path", UNITS, ids=lambda each: each.name)
def test_units_start_what_there_is_and_have_few_rights(path):
    service = unit(path)["Service"]
    for line in (service.get("ExecStartPre", ""), service["ExecStart"]):
        for word in shlex.split(line)[1:]:
            assert not word.endswith(".py") or (ROOT / word).exists()
    assert service["User"] == "registry"
    assert service["ProtectSystem"] == "strict"
    assert service["NoNewPrivileges"] == "yes"
    assert service["CapabilityBoundingSet"] == ""
    assert service["StateDirectory"] == "registry"
    assert "DATA_DIR=/var/lib/registry" in service["Environment"].split()


def test_whoever_stops_the_registry_waits_until_it_has_stopped():
    drain = int(lines_of(DEPLOY / "systemd/registry.env")["DRAIN_SECONDS"])
    waits = int(unit(DEPLOY / "systemd/registry.service")["Service"]["TimeoutStopSec"].rstrip("s"))
    assert waits > drain + GRACE
    assert unit(DEPLOY / "systemd/registry.service")["Service"]["KillMode"] == "mixed"
    drain = int(lines_of(DEPLOY / "kubernetes/settings.env")["DRAIN_SECONDS"])
    probe = pods()["registry"]["containers"][0]["readinessProbe"]
    assert drain > probe["periodSeconds"] * probe["failureThreshold"], "traffic goes elsewhere before it stops"
    assert pods()["registry"]["terminationGracePeriodSeconds"] > drain + GRACE
    assert int(OURS["app"]["stop_grace_period"].rstrip("s")) > GRACE
    assert f"graceful_timeout = {GRACE}\n" in (ROOT / "gunicorn.conf.py").read_text()


def test_front_servers_let_the_largest_tarball_through():
    wanted = str(int(settings.MAX_TARBALL / 2**20 * BODY) // 10 * 10 + 10)
    nginx = (DEPLOY / "nginx/registry.conf").read_text()
    assert f"client_max_body_size {wanted}m;" in nginx
    assert f"max_size {wanted}MiB" in (DEPLOY / "caddy/Caddyfile").read_text()
    (ingress,) = (each for each in manifests() if each["kind"] == "Ingress")
    assert ingress["metadata"]["annotations"]["nginx.ingress.kubernetes.io/proxy-body-size"] == f"{wanted}m"


def test_front_servers_know_where_the_registry_sends_them():
    nginx = (DEPLOY / "nginx/registry.conf").read_text()
    caddy = (DEPLOY / "caddy/Caddyfile").read_text()
    assert f"location {handing_over.ACCEL}/ {{\n        internal;" in nginx
    assert f"header X-Accel-Redirect {handing_over.ACCEL}/*" in caddy
    assert f"uri strip_prefix {handing_over.ACCEL}" in caddy
    folder = "/var/lib/registry/blobs"
    assert f"alias {folder}/;" in nginx
    assert f"root * {folder} " in caddy
    assert nginx.count("proxy_pass http://registry;") == nginx.count("proxy_pass "), "a path behind it would undo %2f"


@pytest.mark.parametrize("path", ["nginx/hosts.conf", "compose/hosts.conf"])
def test_nginx_closes_silent_lines_before_the_registry_does(path):
    kept = int(re.search(r"^keepalive = (\d+)", (ROOT / "gunicorn.conf.py").read_text(), re.MULTILINE)[1])
    assert int(re.search(r"keepalive_timeout (\d+)s", (DEPLOY / path).read_text())[1]) < kept


def test_no_file_brings_a_secret_or_a_registrys_address():
    for path in DEPLOY.rglob("*"):
        if path.is_file():
            text = path.read_text()
            assert "npmjs" not in text, path
            assert not re.search(r"npm_[A-Za-z0-9]{36}", text), path
