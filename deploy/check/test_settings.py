"""What the manifests tell the binary: every flag, variable and setting is one that it takes."""

import os
import pathlib
import re
import subprocess
import tempfile
import tomllib
import unittest

import yaml

import manifests

STRAND = os.environ.get("STRAND", str(manifests.DEPLOY.parent / "target/debug/strand"))
# A host name of its own, which needs root.
ON_HOST = ["unshare", "--uts", "sh", "-c", 'echo "$0" >/proc/sys/kernel/hostname && exec "$@"']


def runs_with_a_host_name():
    return subprocess.run([*ON_HOST, "host-0", "true"], capture_output=True).returncode == 0


def variables_of_the_image():
    """What the Dockerfile sets."""
    text = (manifests.DEPLOY / "image/Dockerfile").read_text()
    return dict(re.findall(r"\b(STRAND_[A-Z_]+)=(\S+)", text))


@unittest.skipUnless(runs_with_a_host_name(), "giving a process a host name of its own needs root and unshare")
class Settings(unittest.TestCase):
    def in_force(self, host, arguments, variables):
        """The settings of a broker that is started so, as it prints them: checked, with templates as they are."""
        ran = subprocess.run(
            [*ON_HOST, host, STRAND, *arguments, "--print-config"],
            env={"PATH": os.environ["PATH"], **variables},
            capture_output=True,
            text=True,
        )
        self.assertEqual(ran.returncode, 0, f"{arguments} {variables}: {ran.stderr}")
        return tomllib.loads(ran.stdout)

    @unittest.skipUnless(manifests.builder(), "neither kustomize nor kubectl is here")
    def test_kubernetes(self):
        for overlay in manifests.OVERLAYS:
            container = manifests.container(overlay)
            variables = {**variables_of_the_image(), "POD_NAMESPACE": "somewhere"}
            variables |= {one["name"]: one["value"] for one in container["env"] if "value" in one}
            with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
                file.write(manifests.settings_file(overlay))
                file.flush()
                arguments = [
                    argument.replace("$(POD_NAMESPACE)", variables["POD_NAMESPACE"])
                    .replace("/etc/strandline/strand.toml", file.name)
                    for argument in container["args"]
                ]
                settings = self.in_force("strandline-1", arguments, variables)
            self.assertEqual(settings["id"], "hostname")
            self.assertEqual(settings["cluster_name"], "somewhere")
            address = "{hostname}.strandline-brokers.somewhere.svc"
            self.assertEqual(settings["advertise_grpc"], f"{address}:7700")
            self.assertEqual(settings["advertise_peer"], f"{address}:7701")
            mounts = [mount["mountPath"] for mount in container["volumeMounts"]]
            self.assertIn(str(pathlib.PurePath(settings["data"]).parent), mounts)
            ports = {port["name"]: port["containerPort"] for port in container["ports"]}
            for listener, port in ports.items():
                self.assertEqual(settings[listener], f"0.0.0.0:{port}")
            probes = [container[kind]["grpc"]["port"] for kind in ("startupProbe", "readinessProbe")]
            self.assertEqual(probes, [ports["grpc"]] * 2)
            self.assertEqual(container["livenessProbe"]["httpGet"], {"port": "http", "path": "/healthz"})

    def test_compose(self):
        compose = yaml.safe_load((manifests.DEPLOY / "compose/compose.yaml").read_text())
        self.assertEqual(len(compose["services"]), 3)
        for name, service in compose["services"].items():
            settings = self.in_force(service["hostname"], service["command"], variables_of_the_image())
            self.assertEqual(settings["id"], "hostname")
            self.assertEqual(service["hostname"], name)
            self.assertEqual(settings["advertise_peer"], "{hostname}:7701")
            self.assertIn(f"{name}:7701", str(settings["cluster_peers"]))
            self.assertTrue(service["read_only"])
            (volume,) = service["volumes"]
            source, target = volume.split(":")
            self.assertIn(source, compose["volumes"])
            self.assertEqual(str(pathlib.PurePath(settings["data"]).parent), target)

    def test_systemd(self):
        lines = (manifests.DEPLOY / "systemd/strand.env").read_text().splitlines()
        variables = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
        unit = (manifests.DEPLOY / "systemd/strand.service").read_text()
        (command,) = re.findall(r"^ExecStart=\S+ (.*)$", unit, re.MULTILINE)
        settings = self.in_force("strand-0", command.split(), variables)
        self.assertEqual(settings["advertise_grpc"], "{hostname}.example.com:7700")


class Commands(unittest.TestCase):
    @unittest.skipUnless(manifests.builder(), "neither kustomize nor kubectl is here")
    def test_what_runs_before_a_pod_stops_is_a_command_of_the_binary(self):
        for overlay in manifests.OVERLAYS:
            binary, *arguments = manifests.container(overlay)["lifecycle"]["preStop"]["exec"]["command"]
            self.assertEqual(binary, "/strand")
            ran = subprocess.run([STRAND, *arguments, "--help"], capture_output=True, text=True)
            self.assertEqual(ran.returncode, 0, ran.stderr)
            # Help is shown whatever else is asked: each flag must stand in it.
            flags = [argument.split("=")[0] for argument in arguments if argument.startswith("--")]
            for flag in flags:
                self.assertIn(flag, ran.stdout)


if __name__ == "__main__":
    unittest.main()
