"""The dashboard: what it asks for exists, and Prometheus understands the questions."""

import json
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

import yaml

DEPLOY = pathlib.Path(__file__).resolve().parent.parent
COMPONENT = DEPLOY / "kubernetes/components/dashboard"
DASHBOARD = json.loads((COMPONENT / "strandline.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
QUERIES = [target["expr"] for panel in PANELS for target in panel["targets"]]


def metrics(text):
    """Our metrics and those of the process that a text names; the parts of a histogram by its name."""
    found = re.findall(r"\b((?:strandline|process)_[a-z_]+)\b(?!\()", text)
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in found}


class Dashboard(unittest.TestCase):
    def test_every_metric_is_one_that_brokers_have(self):
        known = metrics((DEPLOY / "METRICS.md").read_text())
        variables = [one.get("definition", "") for one in DASHBOARD["templating"]["list"]]
        asked = metrics("\n".join(QUERIES + variables))
        self.assertEqual(asked - known, set())
        self.assertGreater(len(asked), 30)

    @unittest.skipUnless(shutil.which("promtool"), "promtool is not here")
    def test_prometheus_understands_every_query(self):
        rules = [
            {"record": f"query_{at}", "expr": query.replace("$__rate_interval", "5m")}
            for at, query in enumerate(QUERIES)
        ]
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}, file)
            file.flush()
            ran = subprocess.run(["promtool", "check", "rules", file.name], capture_output=True, text=True)
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)

    def test_every_panel_says_what_it_shows_and_asks_the_chosen_prometheus(self):
        for panel in PANELS:
            self.assertTrue(panel["title"])
            self.assertTrue(panel["description"], panel["title"])
            for asked in [panel, *panel["targets"]]:
                self.assertEqual(asked["datasource"]["uid"], "${datasource}", panel["title"])

    def test_no_two_panels_lie_over_each_other(self):
        taken = set()
        for panel in DASHBOARD["panels"]:
            at = panel["gridPos"]
            cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
            self.assertLessEqual(at["x"] + at["w"], 24, panel["title"])
            self.assertFalse(cells & taken, panel["title"])
            taken |= cells
        ids = [panel["id"] for panel in DASHBOARD["panels"]]
        self.assertEqual(len(ids), len(set(ids)))


if __name__ == "__main__":
    unittest.main()
