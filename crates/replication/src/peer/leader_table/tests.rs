use super::*;

const ME: BrokerId = BrokerId::new(0);
const OTHER: BrokerId = BrokerId::new(1);

fn led(term: u64, leader: u64) -> Leadership {
    Leadership {
        term,
        leader: Some(ReplicaId::new(leader)),
        in_sync: vec![ReplicaId::new(leader)],
    }
}

fn leader(table: &LeaderTable, group: u16) -> Option<u64> {
    let told = table.leader_of(GroupId::State(group))?;
    told.leadership.leader.map(|leader| leader.get())
}

#[test]
fn a_higher_term_wins_and_a_stale_one_is_ignored() {
    let table = LeaderTable::new(ME);
    let group = GroupId::State(1);
    table.hear(OTHER, false, [(group, led(5, 1))]);
    table.hear(BrokerId::new(2), false, [(group, led(4, 2))]);
    assert_eq!(leader(&table, 1), Some(1));
    table.publish(group, led(6, 0));
    assert_eq!(leader(&table, 1), Some(0));
    // Who led in an old term takes nothing back of a newer one.
    let gone = Leadership {
        leader: None,
        ..led(5, 1)
    };
    table.hear(OTHER, false, [(group, gone)]);
    assert_eq!(leader(&table, 1), Some(0));
}

#[test]
fn the_whole_table_takes_back_what_it_does_not_repeat() {
    let table = LeaderTable::new(ME);
    let groups = [1, 2].map(|group| (GroupId::State(group), led(3, 1)));
    table.hear(OTHER, true, groups.clone());
    table.hear(OTHER, true, [groups[1].clone()]);
    assert_eq!((leader(&table, 1), leader(&table, 2)), (None, Some(1)));
}

#[test]
fn what_a_gone_peer_told_stays_and_is_marked() {
    let table = LeaderTable::new(ME);
    table.hear(OTHER, true, [(GroupId::State(1), led(3, 1))]);
    table.hear_numbers(OTHER, BrokerNumbers::default());
    table.is_here(OTHER, false);
    assert!(
        table
            .leader_of(GroupId::State(1))
            .unwrap()
            .gone_for
            .is_some()
    );
    assert!(table.numbers_of(OTHER).unwrap().1.is_some());
    table.is_here(OTHER, true);
    assert_eq!(table.leader_of(GroupId::State(1)).unwrap().gone_for, None);
}

#[test]
fn a_peer_is_told_everything_once_and_then_what_changes_in_parts() {
    let table = LeaderTable::new(ME);
    for group in 0..5 {
        table.publish(GroupId::State(group), led(1, 0));
    }
    table.begin(OTHER);
    let first = table.next_for(OTHER, 3).unwrap();
    assert!(first.begins);
    assert_eq!(first.leaders.len(), 3);
    let second = table.next_for(OTHER, 3).unwrap();
    assert!(!second.begins);
    assert_eq!(second.leaders.len(), 2);
    assert_eq!(table.next_for(OTHER, 3), None);
    // The same again is no change; two changes are told once.
    table.publish(GroupId::State(1), led(1, 0));
    assert_eq!(table.next_for(OTHER, 3), None);
    table.publish(GroupId::State(1), led(2, 0));
    table.publish(GroupId::State(1), led(3, 0));
    let change = table.next_for(OTHER, 3).unwrap();
    assert_eq!(change.leaders, [(GroupId::State(1), led(3, 0))]);
    table.end(OTHER);
    table.publish(GroupId::State(1), led(4, 0));
    assert_eq!(table.next_for(OTHER, 3), None);
}

#[test]
fn changes_are_watched() {
    let table = LeaderTable::new(ME);
    let mut watch = table.watch();
    table.hear(OTHER, false, [(GroupId::State(1), led(3, 1))]);
    assert!(watch.has_changed().unwrap());
    watch.mark_unchanged();
    table.hear(OTHER, false, [(GroupId::State(1), led(3, 1))]);
    assert!(!watch.has_changed().unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_late_word_of_a_group_that_is_no_more_is_swept_away_and_one_of_a_new_group_is_not() {
    let table = LeaderTable::new(ME);
    let [deleted, own, kept, new] = [1, 2, 3, 4].map(GroupId::State);
    table.forget_everywhere(deleted);
    table.hear(OTHER, false, [(deleted, led(3, 1)), (kept, led(3, 1))]);
    table.publish(own, led(3, 0));
    let age = Duration::from_secs(60);
    tokio::time::advance(age).await;
    table.hear(OTHER, false, [(new, led(3, 1))]);
    table.begin(OTHER);
    table.sweep(age, |group| group == kept);
    let mut left: Vec<_> = table
        .leaders()
        .into_iter()
        .map(|(group, _)| group)
        .collect();
    left.sort();
    assert_eq!(left, [kept, new]);
    let told = table.next_for(OTHER, 10).unwrap();
    assert_eq!(
        told.leaders,
        [],
        "what is not led here any more is not told"
    );
}
