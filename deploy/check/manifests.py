"""What the overlays amount to: built by kustomize, read once."""

import functools
import pathlib
import shutil
import subprocess

import yaml

DEPLOY = pathlib.Path(__file__).resolve().parent.parent
OVERLAYS = ["base", "overlays/development", "overlays/production"]


def builder():
    """The command that builds a directory of kustomize; `None` where there is none."""
    if shutil.which("kustomize"):
        return ["kustomize", "build"]
    if shutil.which("kubectl"):
        return ["kubectl", "kustomize"]
    return None


@functools.cache
def built(overlay):
    """The overlay's objects."""
    directory = DEPLOY / "kubernetes" / overlay
    text = subprocess.run([*builder(), directory], check=True, capture_output=True).stdout
    return [thing for thing in yaml.safe_load_all(text) if thing is not None]


def of_kind(overlay, kind):
    """The overlay's objects of one kind, by name."""
    return {thing["metadata"]["name"]: thing for thing in built(overlay) if thing["kind"] == kind}


def stateful_set(overlay):
    """The overlay's only StatefulSet."""
    (only,) = of_kind(overlay, "StatefulSet").values()
    return only


def container(overlay):
    """The only container of its pods."""
    (only,) = stateful_set(overlay)["spec"]["template"]["spec"]["containers"]
    return only


def settings_file(overlay):
    """The text of the broker's config file, from the config map that the pods mount."""
    pod = stateful_set(overlay)["spec"]["template"]["spec"]
    (name,) = [volume["configMap"]["name"] for volume in pod["volumes"] if "configMap" in volume]
    return of_kind(overlay, "ConfigMap")[name]["data"]["strand.toml"]
