//! Bits that flip on disks. All of it must be noticed, nothing of it served, and everything repaired from the others.

use strandline_tests::harness::eventually;
use strandline_tests::load::PARTITIONS;

use crate::replicas::{Segment, segments};
use crate::scene::Scene;

/// How many bits flip on one disk.
const FLIPS: usize = 3;

pub(super) fn at_rest(scene: &mut Scene<'_>) {
    scene.settle();
    let victim = scene.any();
    let logged = scene.cluster.log(victim).len();
    scene.stop(victim);
    let all = all_segments(scene, victim);
    let damaged = flip(scene, &all);
    scene.cluster.launch(victim);
    repaired(scene, victim, logged, &damaged);
}

pub(super) fn while_running(scene: &mut Scene<'_>) {
    scene.settle();
    let victim = scene.any();
    // What was read since the start is believed to be sound: let it be nothing.
    scene.stop(victim);
    scene.cluster.restart(victim);
    let logged = scene.cluster.log(victim).len();
    let mut all = all_segments(scene, victim);
    // The newer half may be in use, or be read right now.
    all.truncate(all.len() / 2);
    if all.is_empty() {
        println!("there is no finished segment yet");
        return;
    }
    let damaged = flip(scene, &all);
    repaired(scene, victim, logged, &damaged);
}

pub(super) fn of_two(scene: &mut Scene<'_>) {
    scene.settle();
    let victims = scene.shuffled();
    let [one, other] = [victims[0], victims[1]];
    let logged = [one, other].map(|id| scene.cluster.log(id).len());
    scene.stop(one);
    scene.stop(other);
    // No entry is damaged on both.
    let olds: Vec<_> = partitions(scene, one)
        .filter_map(|mut of_one| {
            of_one.truncate(of_one.len() / 2);
            of_one.pop()
        })
        .collect();
    let news: Vec<_> = partitions(scene, other)
        .filter_map(|mut of_one| of_one.pop())
        .collect();
    let damaged = [flip(scene, &olds), flip(scene, &news)];
    for id in [one, other] {
        scene.cluster.launch(id);
    }
    for ((id, logged), damaged) in [one, other].into_iter().zip(logged).zip(damaged) {
        repaired(scene, id, logged, &damaged);
    }
}

/// The segments of each partition.
fn partitions(scene: &Scene<'_>, id: u32) -> impl Iterator<Item = Vec<Segment>> {
    let data = scene.cluster.data(id).to_owned();
    (0..PARTITIONS).map(move |partition| segments(&data, partition))
}

fn all_segments(scene: &Scene<'_>, id: u32) -> Vec<Segment> {
    partitions(scene, id).flatten().collect()
}

fn flip(scene: &mut Scene<'_>, among: &[Segment]) -> Vec<Segment> {
    let mut damaged = Vec::new();
    for _ in 0..FLIPS.min(among.len()) {
        let segment = among[scene.chance.below(among.len() as u64) as usize].clone();
        segment.flip_a_bit(&mut scene.chance);
        damaged.push(segment);
    }
    damaged
}

#[track_caller]
fn repaired(scene: &mut Scene<'_>, victim: u32, logged: usize, damaged: &[Segment]) {
    if damaged.iter().all(Segment::is_sound) {
        // Flipped, and flipped back.
        return;
    }
    eventually("the damage is noticed", || {
        scene.cluster.log(victim)[logged..]
            .contains("damage")
            .then_some(())
    });
    eventually("the damage is repaired", || {
        damaged.iter().all(Segment::is_sound).then_some(())
    });
    scene.settle();
}
