//! What operators do to a cluster that works: drain, decommission, move a broker elsewhere.

use std::time::Duration;

use strandline_tests::harness::eventually;

use crate::scene::Scene;

pub(super) fn drain(scene: &mut Scene<'_>) {
    scene.settle();
    let victim = scene.any();
    let id = victim.to_string();
    let drain = ["cluster", "drain", &id, "--wait", "--timeout", "50s"];
    scene.cluster.strand(&drain).ok();
    let drained = scene.described(victim);
    assert_eq!(drained["state"], "drained", "{drained}");
    assert_eq!(drained["leaders"], 0, "{drained}");
    scene.acknowledgements(50);
    if scene.chance.below(2) == 0 {
        scene.cluster.strand(&["cluster", "undrain", &id]).ok();
    } else {
        // A drain ends with the next start.
        scene.stop(victim);
        scene.cluster.restart(victim);
    }
    eventually("the end of the drain", || {
        (scene.described(victim)["state"] == "active").then_some(())
    });
}

pub(super) fn decommission(scene: &mut Scene<'_>) {
    scene.settle();
    let newcomer = scene.spare();
    scene.cluster.restart(newcomer);
    let victim = scene.any();
    let id = victim.to_string();
    let command = ["cluster", "decommission", &id, "--yes", "--wait"];
    scene
        .cluster
        .strand(&[&command[..], &["--timeout", "55s"]].concat())
        .ok();
    let gone = scene.described(victim);
    assert_eq!(gone["state"], "decommissioned", "{gone}");
    assert_eq!(gone["replicas"], 0, "{gone}");
    scene.swap(victim, newcomer);
    scene.settle();
    scene.stop(victim);
    // On an empty disk it may come again.
    scene.cluster.replace_disk(victim);
}

pub(super) fn move_away(scene: &mut Scene<'_>) {
    let victim = scene.any();
    if scene.chance.below(2) == 0 {
        scene.stop(victim);
    } else {
        scene.cluster.kill(victim);
    }
    scene.cluster.move_away(victim);
    scene.pause(Duration::ZERO, Duration::from_secs(1));
    scene.cluster.restart(victim);
    eventually("its new address is known", || {
        let address = scene.described(victim)["address"].clone();
        (address == scene.cluster.grpc(victim)).then_some(())
    });
}
