//! State groups.

use bytes::Bytes;
use model::ReplicaId;
use replication::peer::{GroupId, PeerRequest, RequestKind};
use replication::{GroupStart, StateMachine};
use segment_log::disk::SimulatedDisk;

use crate::harness::{Process, alone, until};
use crate::network::Network;

/// Sums up numbers and remembers how many there were.
#[derive(Default)]
pub(crate) struct Sum {
    pub(crate) sum: u64,
    pub(crate) count: u64,
}

impl StateMachine for Sum {
    fn apply(&mut self, command: &[u8]) -> Bytes {
        self.sum += u64::from(command.first().copied().unwrap_or_default());
        self.count += 1;
        Bytes::copy_from_slice(&self.sum.to_be_bytes())
    }

    fn snapshot(&self) -> Bytes {
        Bytes::from([self.sum.to_be_bytes(), self.count.to_be_bytes()].concat())
    }

    fn restore(&mut self, snapshot: &[u8]) -> Result<(), String> {
        let (sum, count) = snapshot.split_at_checked(8).ok_or("too short")?;
        self.sum = u64::from_be_bytes(sum.try_into().map_err(|_| "too short")?);
        self.count = u64::from_be_bytes(count.try_into().map_err(|_| "too short")?);
        Ok(())
    }
}

fn log_bytes(disk: &SimulatedDisk) -> u64 {
    let listed = disk.mount().list("state/sum".as_ref()).unwrap();
    let logs = listed.iter().filter(|entry| entry.name.ends_with(".log"));
    logs.map(|entry| entry.length).sum()
}

#[tokio::test]
async fn commands_are_answered_survive_restarts_and_their_log_stays_bounded() {
    let disk = SimulatedDisk::new(1);
    let process = Process::start(disk.mount());
    let group = process
        .replication
        .open_state_group(7, "sum", Sum::default(), alone())
        .await
        .unwrap();
    assert!(group.serving().await.serves);
    // Ten segments' worth.
    let command = Bytes::from(vec![1; 100 << 10]);
    for n in 1..=100_u64 {
        let answer = group.propose(command.clone()).await.unwrap();
        assert_eq!(answer[..], n.to_be_bytes());
    }
    assert_eq!(group.read(|sum| (sum.sum, sum.count)), (100, 100));
    assert_eq!(*group.applied().borrow(), 100);
    until(|| log_bytes(&disk) < 4 << 20).await;
    drop(group);
    process.stop().await;

    let process = Process::start(disk.mount());
    let group = process
        .replication
        .open_state_group(7, "sum", Sum::default(), alone())
        .await
        .unwrap();
    assert!(group.serving().await.serves);
    assert_eq!(group.read(|sum| (sum.sum, sum.count)), (100, 100));
    let answer = group.propose(Bytes::from_static(&[5])).await.unwrap();
    assert_eq!(answer[..], 105_u64.to_be_bytes());
    drop(group);
    process.stop().await;
}

#[tokio::test]
async fn a_command_proposed_anywhere_reaches_the_leader_and_is_answered() {
    let network = std::sync::Arc::new(Network::default());
    let voters: Vec<_> = (0..3).map(ReplicaId::new).collect();
    let disks: Vec<_> = (0..3).map(SimulatedDisk::new).collect();
    let mut members = Vec::new();
    for (replica, disk) in voters.iter().zip(&disks) {
        let process = Process::member(disk.mount(), *replica, network.of(*replica));
        let start = GroupStart::Found(voters.clone());
        let replication = &process.replication;
        let group = replication.open_state_group(7, "sum", Sum::default(), start);
        members.push((group.await.unwrap(), process));
    }
    until(|| {
        members
            .iter()
            .all(|(group, _)| group.status().leader.is_some())
    })
    .await;
    until(|| members.iter().any(|(group, _)| group.status().serves)).await;
    for (group, _) in &members {
        for _ in 0..5 {
            group.propose(Bytes::from_static(&[1])).await.unwrap();
        }
    }
    for (group, _) in &members {
        until(|| group.read(|sum| (sum.sum, sum.count)) == (15, 15)).await;
    }
    // A broker that is no member yet may ask any member.
    for to in 0..3 {
        let request = PeerRequest {
            group: GroupId::State(7),
            kind: RequestKind::Propose,
            head: Bytes::from_static(&[1]),
            entries: Vec::new(),
        };
        let reply = network.send(9, to, request).await.unwrap();
        assert_eq!(reply.head[..], (16 + to).to_be_bytes());
    }
    // Nobody can say what has become of a command on the way.
    let leader = members[0].0.status().leader.unwrap();
    let follower = (0..3).find(|n| *n != leader.get()).unwrap();
    network.alter(|_, _, request| {
        if request.kind == RequestKind::Propose {
            request.entries = vec![Bytes::new(); 2];
        }
    });
    let lost = members[follower as usize]
        .0
        .propose(Bytes::from_static(&[1]))
        .await;
    assert!(lost.is_err(), "{lost:?}");
    for (group, process) in members {
        drop(group);
        process.stop().await;
    }
}
