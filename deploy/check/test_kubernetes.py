"""The manifests: good by Kubernetes' schemas, and with what a broker needs in them."""

import pathlib
import unittest

import jsonschema
import kubernetes_validate
import yaml

import manifests

# The oldest that is promised, the first that tells pods their zone, and the newest whose schemas there are.
VERSIONS = ["1.32", "1.35", "1.37"]
OUR_SCHEMAS = yaml.safe_load((pathlib.Path(__file__).parent / "monitoring.schema.yaml").read_text())


@unittest.skipUnless(manifests.builder(), "neither kustomize nor kubectl is here")
class Manifests(unittest.TestCase):
    def test_every_object_is_good_by_its_schema(self):
        for overlay in manifests.OVERLAYS:
            for thing in manifests.built(overlay):
                ours = OUR_SCHEMAS.get(thing["kind"])
                if ours:
                    jsonschema.validate(thing, ours)
                    continue
                for version in VERSIONS:
                    kubernetes_validate.validate(thing, version, strict=True)

    def test_a_bad_manifest_is_found(self):
        bad = {**manifests.stateful_set("base"), "spec": {"replicas": "three"}}
        with self.assertRaises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate(bad, VERSIONS[-1], strict=True)

    def test_pods_keep_to_the_restricted_security_standard_and_cannot_write_to_their_root(self):
        for overlay in manifests.OVERLAYS:
            pod = manifests.stateful_set(overlay)["spec"]["template"]["spec"]
            whole, own = pod["securityContext"], manifests.container(overlay)["securityContext"]
            self.assertTrue(whole["runAsNonRoot"])
            self.assertEqual(whole["runAsUser"], 65532, "the image's user")
            self.assertEqual(whole["seccompProfile"], {"type": "RuntimeDefault"})
            self.assertEqual(own["capabilities"], {"drop": ["ALL"]})
            self.assertFalse(own["allowPrivilegeEscalation"])
            self.assertTrue(own["readOnlyRootFilesystem"])
            self.assertFalse(pod["enableServiceLinks"])
            self.assertFalse(pod["automountServiceAccountToken"])

    def test_brokers_start_together_and_find_each_other_before_they_are_ready(self):
        for overlay in manifests.OVERLAYS:
            spec = manifests.stateful_set(overlay)["spec"]
            self.assertEqual(spec["podManagementPolicy"], "Parallel")
            headless = manifests.of_kind(overlay, "Service")[spec["serviceName"]]["spec"]
            self.assertEqual(headless["clusterIP"], "None")
            self.assertTrue(headless["publishNotReadyAddresses"])
            self.assertIn(f'cluster_peers = "{spec["serviceName"]}:7701"', manifests.settings_file(overlay))
            self.assertIn(f"initial_brokers = {spec['replicas']}\n", manifests.settings_file(overlay))

    def test_selectors_select_the_pods(self):
        for overlay in manifests.OVERLAYS:
            spec = manifests.stateful_set(overlay)["spec"]
            labels = spec["template"]["metadata"]["labels"].items()
            selectors = [spec["selector"]["matchLabels"]]
            selectors += [one["spec"]["selector"] for one in manifests.of_kind(overlay, "Service").values()]
            for kind, path in [("PodDisruptionBudget", "selector"), ("NetworkPolicy", "podSelector")]:
                things = manifests.of_kind(overlay, kind).values()
                selectors += [one["spec"][path]["matchLabels"] for one in things]
            for selector in selectors:
                self.assertLessEqual(selector.items(), labels)

    def test_a_service_is_scraped(self):
        (monitor,) = manifests.of_kind("overlays/production", "ServiceMonitor").values()
        wanted = monitor["spec"]["selector"]["matchLabels"].items()
        services = manifests.of_kind("overlays/production", "Service").values()
        scraped = [one for one in services if wanted <= one["metadata"]["labels"].items()]
        self.assertEqual([one["metadata"]["name"] for one in scraped], ["strandline-brokers"])
        (endpoint,) = monitor["spec"]["endpoints"]
        self.assertIn(endpoint["port"], [port["name"] for port in scraped[0]["spec"]["ports"]])

    def test_a_drain_and_a_stop_end_before_the_pod_is_killed(self):
        for overlay in manifests.OVERLAYS:
            pod = manifests.stateful_set(overlay)["spec"]["template"]["spec"]
            self.assertIn('shutdown_timeout = "30s"', manifests.settings_file(overlay))
            drain = manifests.container(overlay)["lifecycle"]["preStop"]["exec"]["command"]
            self.assertIn("--timeout=60s", drain)
            self.assertGreater(pod["terminationGracePeriodSeconds"], 60 + 30)

    def test_production_puts_no_two_brokers_on_one_node_and_spreads_them_over_zones(self):
        pod = manifests.stateful_set("overlays/production")["spec"]["template"]["spec"]
        (rule,) = pod["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        self.assertEqual(rule["topologyKey"], "kubernetes.io/hostname")
        (spread,) = pod["topologySpreadConstraints"]
        self.assertEqual(spread["whenUnsatisfiable"], "DoNotSchedule")
        self.assertEqual(spread["topologyKey"], "topology.kubernetes.io/zone")

    def test_each_listener_has_a_network_policy_of_its_own(self):
        policies = manifests.of_kind("overlays/production", "NetworkPolicy")
        ports = {
            name: {port["port"] for rule in policy["spec"]["ingress"] for port in rule["ports"]}
            for name, policy in policies.items()
        }
        expected = {
            "strandline-peers": {"grpc", "peer"},
            "strandline-clients": {"grpc"},
            "strandline-http": {"http"},
        }
        self.assertEqual(ports, expected)


if __name__ == "__main__":
    unittest.main()
