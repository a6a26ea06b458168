use super::*;
use crate::apply::tests::{cluster_of, create, name, new_topic, topic_id};
use crate::config::ConfigError;

fn replicas_planned(brokers: u8, wanted: Option<u16>) -> Result<(u16, bool), Refusal> {
    let state = cluster_of(brokers);
    let mut topic = new_topic("a", 1);
    topic.replication_factor = wanted;
    let plan = state.plan_topic(topic_id(1), &topic)?;
    let Command::CreateTopic(command) = &plan.command else {
        panic!("{plan:?}");
    };
    assert_eq!(
        command.partitions[0].replicas.len(),
        usize::from(command.replication_factor.get())
    );
    Ok((command.replication_factor.get(), plan.warning.is_some()))
}

#[test]
fn a_topic_that_does_not_say_gets_three_replicas_where_it_can() {
    for (brokers, replicas) in [(1, 1), (3, 3), (5, 3)] {
        assert_eq!(replicas_planned(brokers, None), Ok((replicas, false)));
    }
}

#[test]
fn two_replicas_are_warned_about() {
    assert_eq!(replicas_planned(2, None), Ok((2, true)));
    assert_eq!(replicas_planned(3, Some(2)), Ok((2, true)));
    assert_eq!(replicas_planned(3, Some(1)), Ok((1, false)));
}

#[test]
fn no_or_too_many_replicas_are_refused() {
    assert_eq!(
        replicas_planned(1, Some(0)),
        Err(Refusal::NoReplicas { brokers: 1 })
    );
    let refusal = replicas_planned(2, Some(3)).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "3 replicas need 3 brokers, the cluster has 2; use at most 2 or add brokers"
    );
}

#[test]
fn bad_configs_are_refused_before_anything_is_proposed() {
    let state = cluster_of(3);
    let mut topic = new_topic("a", 1);
    let three = ("min.insync.replicas".to_owned(), "3".to_owned());
    topic.configs = BTreeMap::from([three]);
    assert_eq!(
        state.plan_topic(topic_id(1), &topic),
        Err(Refusal::Config(ConfigError::AboveQuorum {
            wanted: 3,
            quorum: 2,
            replicas: 3
        }))
    );
}

#[test]
fn whatever_is_planned_is_not_refused() {
    let mut state = cluster_of(4);
    for id in 1..20 {
        create(&mut state, id, &format!("t{id}"), u32::from(id)).unwrap();
        let command = state
            .plan_partitions(&name(&format!("t{id}")), u32::from(id) + 3)
            .unwrap();
        state.apply(&command).unwrap();
    }
}
