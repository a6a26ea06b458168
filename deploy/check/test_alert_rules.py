"""The alert rules: good by promtool, and firing when they should."""

import pathlib
import shutil
import subprocess
import tempfile
import unittest

import yaml

HERE = pathlib.Path(__file__).resolve().parent
RULES = HERE.parent / "kubernetes/components/monitoring/alert-rules.yaml"


@unittest.skipUnless(shutil.which("promtool"), "promtool is not here")
class AlertRules(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)
        # What the operator hands to Prometheus.
        spec = yaml.safe_load(RULES.read_text())["spec"]
        (self.directory / "alert-rules.yaml").write_text(yaml.safe_dump(spec))
        # The tests would have to repeat every word of advice.
        for group in spec["groups"]:
            for rule in group["rules"]:
                del rule["annotations"]["description"]
        (self.directory / "without-advice.yaml").write_text(yaml.safe_dump(spec))
        shutil.copy(HERE / "alert-rules.test.yaml", self.directory)
        self.alerts = {rule["alert"] for group in spec["groups"] for rule in group["rules"]}

    def promtool(self, *arguments):
        ran = subprocess.run(["promtool", *arguments], cwd=self.directory, capture_output=True, text=True)
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)

    def test_the_rules_are_sound(self):
        self.promtool("check", "rules", "alert-rules.yaml")

    def test_the_rules_fire_when_they_should(self):
        self.promtool("test", "rules", "alert-rules.test.yaml")

    def test_each_alert_is_tested_to_fire(self):
        tests = yaml.safe_load((HERE / "alert-rules.test.yaml").read_text())["tests"]
        cases = [case for test in tests for case in test["alert_rule_test"]]
        fired = {case["alertname"] for case in cases if case.get("exp_alerts")}
        self.assertEqual(fired, self.alerts)


if __name__ == "__main__":
    unittest.main()
