//! Power cuts under a topic on `page-cache`: what is acknowledged is written and not synced.

use serde_json::Value;
use strandline_tests::harness::{Cluster, eventually, skip};
use strandline_tests::load::{Crowd, PARTITIONS, judge, read_to_end, verify};
use tokio::runtime::Runtime;
use tokio::task::block_in_place;

use crate::fault::Fault;
use crate::ground::Ground;
use crate::scene::Scene;
use crate::trial::BROKERS;

const LAX: &str = "durability=page-cache";

#[test]
fn no_record_on_page_cache_is_lost_when_the_power_of_one_broker_after_the_other_is_cut() {
    let test = "page_cache::no_record_on_page_cache_is_lost_when_the_power_of_one_broker_after_the_other_is_cut";
    let ground = match Ground::of(test, &[Fault::PowerCut]) {
        Ok(Some(ground)) => ground,
        Ok(None) => return,
        Err(lacking) => return skip(test, &lacking),
    };
    let runtime = Runtime::new().expect("a runtime starts");
    let mut scene = Scene::set(&ground, &[LAX], runtime.handle().clone());
    runtime.block_on(async {
        let stage = scene.stage.clone();
        let load = Crowd::start(&stage, &mut scene.chance);
        let mut verified = [0; PARTITIONS as usize];
        for cycle in 1..=3 {
            stage.acknowledgements(scene.chance.below(200)).await;
            block_in_place(|| {
                Fault::PowerCut.strike(&mut scene);
                // With two that have forgotten there would be no quorum that remembers.
                scene.settle();
            });
            stage.acknowledgements(20).await;
            verify(&stage, &mut verified).await;
            println!("cycle {cycle}: {} acknowledged", stage.acknowledged());
        }
        load.stop().await;
        for partition in 0..PARTITIONS {
            read_to_end(&stage, partition, 0, true).await;
        }
    });
    judge(&scene.stage);
    // Each came back by itself, and said so.
    let given_back = scene.members().into_iter().any(|id| {
        let log = scene.cluster.log(id);
        log.contains("has back what it may have forgotten")
    });
    assert!(given_back, "no replica was in doubt");
    for id in scene.members() {
        scene.stop(id);
    }
}

fn lines(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("record {n}")).collect()
}

#[track_caller]
fn produce(cluster: &Cluster, topic: &str, lines: &[String]) {
    let input = lines.join("\n");
    cluster
        .strand_in(&["produce", topic], input.as_bytes())
        .ok();
}

#[track_caller]
fn consumed(cluster: &Cluster, topic: &str) -> Vec<String> {
    let read = cluster.strand(&["consume", topic, "--from-beginning", "--until-end"]);
    read.ok().text().lines().map(str::to_owned).collect()
}

/// The states of the doubts about the topic's only partition.
fn doubts(cluster: &Cluster, topic: &str) -> Vec<String> {
    let described = cluster.strand(&["topic", "describe", topic, "--json"]);
    if described.code != 0 {
        return Vec::new();
    }
    let doubts = described.json()["partitions"][0]["doubts"].clone();
    let doubts = doubts.as_array().cloned().unwrap_or_default();
    let state = |doubt: &Value| doubt["state"].as_str().unwrap_or_default().to_owned();
    doubts.iter().map(state).collect()
}

#[test]
fn when_the_power_of_all_is_cut_page_cache_topics_wait_for_an_operator_and_others_for_nobody() {
    let test = "page_cache::when_the_power_of_all_is_cut_page_cache_topics_wait_for_an_operator_and_others_for_nobody";
    let ground = match Ground::of(test, &[Fault::PowerCutOfAll]) {
        Ok(Some(ground)) => ground,
        Ok(None) => return,
        Err(lacking) => return skip(test, &lacking),
    };
    let mut places = ground.places();
    places.truncate(BROKERS as usize);
    let mut cluster = Cluster::start_at(places, &[]);
    cluster.create_topic("lax", 1, BROKERS, &[LAX]).ok();
    cluster.create_topic("strict", 1, BROKERS, &[]).ok();
    let written = lines(500);
    produce(&cluster, "lax", &written);
    produce(&cluster, "strict", &written);
    for id in 0..BROKERS {
        cluster.freeze(id);
    }
    for id in 0..BROKERS {
        ground.disk(id).cut_power();
    }
    for id in 0..BROKERS {
        cluster.kill(id);
    }
    for id in 0..BROKERS {
        ground.disk(id).restore_power();
        cluster.launch(id);
    }
    eventually("everybody's doubt is known", || {
        let all = doubts(&cluster, "lax");
        (all == vec!["in-doubt"; BROKERS as usize]).then_some(())
    });
    assert_eq!(consumed(&cluster, "strict"), written);
    produce(&cluster, "strict", &lines(1));
    let refused = cluster.strand_in(&["produce", "lax", "--timeout", "2s", "--json"], b"x");
    assert_eq!(refused.code, 5, "{refused:?}");
    assert_eq!(cluster.describe()["in_doubt"], 1);
    let ready = cluster.readiness(0).expect("answers");
    assert_eq!(ready.status, 503);
    let remedy = "strand topic accept-loss lax --partition 0";
    assert!(ready.body.contains(remedy), "{}", ready.body);
    let unasked = ["topic", "accept-loss", "lax"];
    cluster.strand(&unasked).exits(1);
    let nothing = cluster.strand(&["topic", "accept-loss", "strict", "--yes"]);
    nothing.exits(4);
    cluster
        .strand(&["topic", "accept-loss", "lax", "--yes"])
        .ok();
    cluster.await_all_ready();
    let left = consumed(&cluster, "lax");
    println!("{} of {} records are left", left.len(), written.len());
    assert_eq!(left, written[..left.len()]);
    produce(&cluster, "lax", &["new".to_owned()]);
    assert_eq!(consumed(&cluster, "lax").len(), left.len() + 1);
    eventually("the loss is reported", || {
        let is_told = doubts(&cluster, "lax").contains(&"lost".to_owned());
        (is_told && cluster.describe()["lossy"] == 1).then_some(())
    });
    let told = (0..BROKERS).filter(|id| cluster.log(*id).contains("LOSS ACCEPTED"));
    assert!(told.count() > 0);
    let again = cluster.strand(&["topic", "accept-loss", "lax", "--yes"]);
    again.exits(4);
    for id in cluster.ids() {
        assert_eq!(cluster.terminate(id).code, Some(0), "broker {id}");
    }
}
