//! Processes that are killed, paused, stopped, one or all of them.

use std::time::Duration;

use rustix::process::Signal;

use crate::scene::Scene;

/// Long enough for an election, several times over.
const PAUSE_MAX: Duration = Duration::from_secs(3);

pub(super) fn kill(scene: &mut Scene<'_>) {
    let victim = scene.any();
    scene.cluster.kill(victim);
    scene.pause(Duration::ZERO, PAUSE_MAX);
    scene.cluster.launch(victim);
}

pub(super) fn kill_all(scene: &mut Scene<'_>) {
    let order = scene.shuffled();
    for id in &order {
        scene.cluster.kill(*id);
    }
    for id in order.into_iter().rev() {
        scene.cluster.launch(id);
        scene.pause(Duration::ZERO, Duration::from_millis(500));
    }
}

pub(super) fn pause(scene: &mut Scene<'_>) {
    let victim = scene.any();
    scene.cluster.signal(victim, Signal::STOP);
    scene.pause(Duration::from_millis(100), PAUSE_MAX);
    scene.cluster.signal(victim, Signal::CONT);
}

pub(super) fn restart_in_turn(scene: &mut Scene<'_>) {
    for id in scene.members() {
        scene.stop(id);
        scene.cluster.restart(id);
    }
}
