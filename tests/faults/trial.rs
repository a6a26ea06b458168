//! A trial: three brokers, a replicated topic, load, a fault again and again, and the judgement.

use checker::history::Action;
use strandline_tests::harness::skip;
use strandline_tests::load::{Crowd, PARTITIONS, judge, read_to_end, verify};
use tokio::runtime::Runtime;
use tokio::task::block_in_place;

use crate::fault::Fault;
use crate::ground::Ground;
use crate::replicas::assert_equal;
use crate::scene::Scene;

/// How many brokers belong to the cluster.
pub(crate) const BROKERS: u32 = 3;

/// Does these to brokers under load, one at a time, each chosen by chance. `test` is the full name of the test.
#[track_caller]
pub(crate) fn trial(test: &str, faults: &[Fault]) {
    let ground = match Ground::of(test, faults) {
        Ok(Some(ground)) => ground,
        Ok(None) => return,
        Err(lacking) => return skip(test, &lacking),
    };
    let runtime = Runtime::new().expect("a runtime starts");
    let mut scene = Scene::set(&ground, &[], runtime.handle().clone());
    runtime.block_on(run(&mut scene, faults));
    judge(&scene.stage);
    for id in scene.members() {
        scene.stop(id);
    }
    assert_equal(&scene, PARTITIONS);
}

async fn run(scene: &mut Scene<'_>, faults: &[Fault]) {
    let stage = scene.stage.clone();
    let load = Crowd::start(&stage, &mut scene.chance);
    let mut verified = [0; PARTITIONS as usize];
    for cycle in 1..=cycles() {
        stage.acknowledgements(scene.chance.below(200)).await;
        let fault = faults[scene.chance.below(faults.len() as u64) as usize];
        println!("cycle {cycle}: {fault:?}");
        // Blocks this task only: the load runs on other threads.
        block_in_place(|| fault.strike(scene));
        scene.tell_addresses();
        stage.acknowledgements(20).await;
        verify(&stage, &mut verified).await;
        println!("cycle {cycle}: {} acknowledged", stage.acknowledged());
    }
    block_in_place(|| scene.settle());
    stage.recorder.invoke(0, Action::Heal);
    stage.acknowledgements(100).await;
    load.stop().await;
    for partition in 0..PARTITIONS {
        read_to_end(&stage, partition, 0, true).await;
    }
}

fn cycles() -> u32 {
    match std::env::var("STRAND_FAULT_CYCLES") {
        Ok(text) => text.parse().expect("STRAND_FAULT_CYCLES is a number"),
        Err(_) => 2,
    }
}
