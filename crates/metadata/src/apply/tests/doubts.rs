use model::ReplicaId;

use super::*;
use crate::command::{AcceptLoss, EndedDoubt, NoteDoubts, NotedDoubt, PartitionPlace};
use crate::doubt::DoubtState;

fn place() -> PartitionPlace {
    PartitionPlace {
        topic: topic_id(1),
        partition: PartitionIndex::new(0),
    }
}

fn ended() -> EndedDoubt {
    EndedDoubt {
        topic: place().topic,
        partition: place().partition,
        is_lost: true,
    }
}

fn note(replica: u64, since: Option<u64>) -> Command {
    let arisen = since.map(|since| NotedDoubt {
        topic: place().topic,
        partition: place().partition,
        since,
    });
    Command::NoteDoubts(NoteDoubts {
        replica: ReplicaId::new(replica),
        ended: arisen.is_none().then(ended).into_iter().collect(),
        arisen: arisen.into_iter().collect(),
    })
}

fn doubts(state: &ClusterState) -> Vec<(u64, u64, DoubtState)> {
    let topic = state.topic(topic_id(1)).unwrap();
    let doubts = topic.partitions()[0].doubts.iter();
    doubts
        .map(|doubt| (doubt.replica.get(), doubt.since, doubt.state))
        .collect()
}

fn cluster() -> ClusterState {
    let mut state = cluster_of(3);
    create(&mut state, 1, "t", 1).unwrap();
    state
}

fn accept(state: &ClusterState) -> AcceptLoss {
    state.plan_accept_loss(&name("t"), None).unwrap()
}

#[test]
fn a_doubt_is_known_until_it_ends() {
    let mut state = cluster();
    for _ in 0..2 {
        state.apply(&note(1, Some(4))).unwrap();
        assert_eq!(doubts(&state), [(1, 4, DoubtState::Open)]);
    }
    state.apply(&note(0, Some(2))).unwrap();
    assert_eq!(
        doubts(&state),
        [(0, 2, DoubtState::Open), (1, 4, DoubtState::Open)]
    );
    state.apply(&note(1, None)).unwrap();
    assert_eq!(doubts(&state), [(0, 2, DoubtState::Open)]);
    // Of a replica that holds nothing of it.
    state.apply(&note(7, Some(2))).unwrap();
    assert_eq!(doubts(&state).len(), 1);
}

#[test]
fn a_loss_is_accepted_of_the_doubts_that_were_known_and_of_no_later_one() {
    let mut state = cluster();
    state.apply(&note(0, Some(2))).unwrap();
    state.apply(&note(1, Some(4))).unwrap();
    let command = Command::AcceptLoss(accept(&state));
    // Another power cut comes first.
    state.apply(&note(1, Some(6))).unwrap();
    let accepted = state.apply(&command).unwrap().answer;
    assert_eq!(accepted, Answer::LossAccepted { accepted: 1 });
    let after = [(0, 2, DoubtState::Accepted), (1, 6, DoubtState::Open)];
    assert_eq!(doubts(&state), after);
    // Proposed again, it accepts nothing more.
    let again = state.apply(&command).unwrap().answer;
    assert_eq!(again, Answer::LossAccepted { accepted: 0 });
    assert_eq!(doubts(&state), after);
    // The one that has started is shown, until it is in doubt again.
    state.apply(&note(0, None)).unwrap();
    assert_eq!(doubts(&state)[0], (0, 2, DoubtState::Lost));
    state.apply(&note(0, None)).unwrap();
    assert_eq!(doubts(&state)[0], (0, 2, DoubtState::Lost));
    state.apply(&note(0, Some(3))).unwrap();
    assert_eq!(doubts(&state)[0], (0, 3, DoubtState::Open));
    // One that was readmitted after all has lost nothing.
    let accepted = Command::AcceptLoss(accept(&state));
    state.apply(&accepted).unwrap();
    let readmitted = EndedDoubt {
        is_lost: false,
        ..ended()
    };
    let command = Command::NoteDoubts(NoteDoubts {
        replica: ReplicaId::new(0),
        arisen: Vec::new(),
        ended: vec![readmitted],
    });
    state.apply(&command).unwrap();
    assert_eq!(doubts(&state), [(1, 6, DoubtState::Accepted)]);
}

#[test]
fn where_nothing_is_in_doubt_there_is_no_loss_to_accept() {
    let mut state = cluster();
    let refused = state.plan_accept_loss(&name("t"), None).unwrap_err();
    assert!(refused.to_string().contains("no replica"), "{refused}");
    state.apply(&note(0, Some(2))).unwrap();
    let other = Some(PartitionIndex::new(9));
    let refused = state.plan_accept_loss(&name("t"), other).unwrap_err();
    assert!(matches!(refused, Refusal::UnknownPartition { .. }));
    state.apply(&Command::AcceptLoss(accept(&state))).unwrap();
    let refused = state.plan_accept_loss(&name("t"), None).unwrap_err();
    assert!(matches!(refused, Refusal::NothingInDoubt { .. }));
}
