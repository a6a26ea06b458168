//! Disks: without power, full, replaced, rolled back.

use std::thread::sleep;
use std::time::{Duration, Instant};

use strandline_tests::harness::{Ballast, TamperedSyncs, eventually, skip};

use crate::scene::{Scene, TOPIC};

/// A fifth of a second.
const SLOW_SYNC: &str = "delay_enter=200000";

/// How long a broker that must not take part is watched.
const WATCH: Duration = Duration::from_secs(2);

/// How often an older copy of a disk is started, as whoever supervises a broker does.
const COPY_STARTS: u32 = 3;

pub(super) fn cut_power(scene: &mut Scene<'_>) {
    let victim = scene.any();
    let disk = scene.ground.disk(victim);
    scene.cluster.freeze(victim);
    disk.cut_power();
    scene.cluster.kill(victim);
    disk.restore_power();
    scene.cluster.launch(victim);
}

pub(super) fn cut_power_of_all(scene: &mut Scene<'_>) {
    let members = scene.members();
    for id in &members {
        scene.cluster.freeze(*id);
    }
    for id in &members {
        scene.ground.disk(*id).cut_power();
    }
    for id in &members {
        scene.cluster.kill(*id);
    }
    for id in members {
        scene.ground.disk(id).restore_power();
        scene.cluster.launch(id);
    }
}

/// Its leadership goes elsewhere, or whoever produces is told why nothing is taken.
pub(super) fn fill_leader(scene: &mut Scene<'_>) {
    let leader = scene.cluster.await_leader(TOPIC, 0);
    let refused_before = scene.stage.refused("NO_SPACE");
    let _full = Ballast::fill(scene.ground.disk(leader).path());
    eventually("a refusal for want of space, or another leader", || {
        let is_refused = scene.stage.refused("NO_SPACE") > refused_before;
        let is_led_elsewhere = || {
            let now = scene.cluster.leader(TOPIC, 0);
            now.is_some_and(|now| now != leader)
        };
        (is_refused || is_led_elsewhere()).then_some(())
    });
    assert!(scene.cluster.runs(leader), "broker {leader} goes on");
}

/// The others go on without it.
pub(super) fn fill_follower(scene: &mut Scene<'_>) {
    let leaders = [0, 1].map(|partition| scene.cluster.await_leader(TOPIC, partition));
    let mut members = scene.members();
    members.retain(|id| !leaders.contains(id));
    let follower = members[0];
    let mut full = Ballast::fill(scene.ground.disk(follower).path());
    scene.acknowledgements(50);
    full.top_up();
    scene.acknowledgements(50);
    assert!(scene.cluster.runs(follower), "broker {follower} goes on");
}

/// Everything goes on, if slower, whoever leads.
pub(super) fn slow_down(scene: &mut Scene<'_>) {
    let victim = scene.any();
    let pid = scene.cluster.pid(victim);
    match TamperedSyncs::attach(pid, SLOW_SYNC) {
        Ok(slow) => {
            scene.acknowledgements(50);
            slow.detach();
        }
        Err(lacking) => skip("a slow disk", &lacking),
    }
}

pub(super) fn replace(scene: &mut Scene<'_>) {
    // With two disks gone at once, what only they had is gone.
    scene.settle();
    let victim = scene.any();
    scene.cluster.kill(victim);
    scene.cluster.replace_disk(victim);
    scene.pause(Duration::ZERO, Duration::from_secs(1));
    scene.cluster.launch(victim);
    scene.settle();
}

/// The older copy is refused, and takes part only as what it is: an empty disk, once it is made one.
pub(super) fn roll_back(scene: &mut Scene<'_>) {
    scene.settle();
    let victim = scene.any();
    scene.stop(victim);
    let copy = scene.cluster.copy_disk(victim);
    // The copy's first start is as many as this one, and its second one more.
    scene.cluster.restart(victim);
    scene.acknowledgements(20);
    scene.stop(victim);
    scene.cluster.roll_disk_back(victim, &copy);
    for start in 0..COPY_STARTS {
        if start > 0 {
            scene.cluster.kill(victim);
        }
        let logged = scene.cluster.log(victim).len();
        scene.cluster.launch(victim);
        eventually("the refusal of an older copy of a disk", || {
            let log = scene.cluster.log(victim);
            log[logged..].contains("older copy").then_some(())
        });
    }
    let watched = Instant::now();
    while watched.elapsed() < WATCH {
        let answer = scene.cluster.readiness(victim);
        let is_ready = answer.is_some_and(|answer| answer.status == 200);
        assert!(!is_ready, "broker {victim} is ready on an older copy");
        for partition in [0, 1] {
            assert_ne!(scene.cluster.leader(TOPIC, partition), Some(victim));
        }
        sleep(Duration::from_millis(100));
    }
    scene.acknowledgements(20);
    scene.cluster.kill(victim);
    scene.cluster.replace_disk(victim);
    scene.cluster.launch(victim);
    scene.settle();
}
