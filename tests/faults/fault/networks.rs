//! Networks that are cut without a word: one broker off the others, one direction only.

use std::time::Duration;

use strandline_tests::harness::eventually;

use crate::scene::Scene;

/// Long enough for elections on either side.
const CUT_MAX: Duration = Duration::from_secs(5);
const CUT_MIN: Duration = Duration::from_millis(200);

pub(super) fn cut_off(scene: &mut Scene<'_>) {
    let victim = scene.any();
    let others = scene.others(victim);
    let network = scene.ground.network();
    network.isolate(victim, &others);
    scene.pause(CUT_MIN, CUT_MAX);
    network.rejoin(victim, &others);
}

/// The others notice by themselves that nobody answers, and go on without it.
pub(super) fn vanish(scene: &mut Scene<'_>) {
    let victim = scene.any();
    let others = scene.others(victim);
    let network = scene.ground.network();
    network.isolate(victim, &others);
    scene.cluster.kill(victim);
    scene.acknowledgements(50);
    for id in &others {
        eventually("the vanished broker counts as unreachable", || {
            let brokers = scene
                .cluster
                .strand_at(*id, &["cluster", "describe", "--json"]);
            let brokers = brokers.ok().json()["brokers"].clone();
            let mut brokers = brokers.as_array().into_iter().flatten();
            let gone = brokers.find(|broker| broker["id"] == victim)?;
            (gone["state"] == "unreachable").then_some(())
        });
    }
    network.rejoin(victim, &others);
    scene.cluster.launch(victim);
}

pub(super) fn cut_one_way(scene: &mut Scene<'_>) {
    let victim = scene.any();
    let is_mute = scene.chance.below(2) == 0;
    let way = |other| match is_mute {
        true => (victim, other),
        false => (other, victim),
    };
    let ways: Vec<_> = scene.others(victim).into_iter().map(way).collect();
    let network = scene.ground.network();
    for (from, to) in &ways {
        network.cut(*from, *to);
    }
    scene.pause(CUT_MIN, CUT_MAX);
    for (from, to) in ways {
        network.mend(from, to);
    }
}
