use bytes::Bytes;

use super::*;

const TO: ReplicaId = ReplicaId::new(1);
const LIMIT: usize = 1 << 20;

type Reply = oneshot::Receiver<Result<PeerReply, CallError>>;

struct Test {
    queue: Queue,
    replies: HashMap<u64, Reply>,
    room: HashMap<u64, oneshot::Receiver<()>>,
}

impl Test {
    fn new(queue_bytes_max: usize, group_bytes_max: usize) -> Self {
        Self {
            queue: Queue::new(queue_bytes_max, group_bytes_max),
            replies: HashMap::new(),
            room: HashMap::new(),
        }
    }

    fn push(&mut self, group: u16, kind: RequestKind, bytes: usize) -> u64 {
        let request = PeerRequest {
            group: GroupId::State(group),
            kind,
            head: Bytes::from(vec![0; bytes]),
            entries: Vec::new(),
        };
        let (sender, reply) = oneshot::channel();
        let (number, room) = self.queue.push(TO, request, sender);
        self.replies.insert(number, reply);
        self.room.extend(room.map(|room| (number, room)));
        number
    }

    fn append(&mut self, group: u16, bytes: usize) -> u64 {
        self.push(group, RequestKind::Append, bytes)
    }

    fn has_room(&mut self, number: u64) -> bool {
        let room = self.room.get_mut(&number);
        room.is_none_or(|room| room.try_recv().is_ok())
    }

    fn turn(&mut self) -> Vec<u64> {
        let turn = self.queue.next_turn(250);
        turn.into_iter().map(|(number, _)| number).collect()
    }

    fn answer(&mut self, number: u64) {
        let reply = Answer::Reply(PeerReply::default());
        self.queue.answered(number, reply, LIMIT);
    }
}

#[test]
fn groups_take_turns_and_each_keeps_its_order() {
    let mut test = Test::new(10_000, 10_000);
    let first: Vec<_> = (0..4).map(|_| test.append(1, 100)).collect();
    let second: Vec<_> = (0..2).map(|_| test.append(2, 100)).collect();
    assert_eq!(test.turn(), first[..2]);
    assert_eq!(test.turn(), second);
    assert_eq!(test.turn(), first[2..]);
    assert_eq!(test.turn(), []);
}

#[test]
fn urgent_requests_need_no_room_and_heartbeats_leave_together() {
    let mut test = Test::new(100, 100);
    test.append(1, 100);
    let vote = test.push(1, RequestKind::Vote, 50);
    let beats = [1, 2].map(|group| test.push(group, RequestKind::Heartbeat, 50));
    assert!(test.has_room(vote) && test.has_room(beats[0]));
    assert_eq!(
        test.queue.next_urgent().map(|(number, _)| number),
        Some(vote)
    );
    let taken: Vec<_> = test
        .queue
        .take_heartbeats()
        .into_iter()
        .map(|(n, _)| n)
        .collect();
    assert_eq!(taken, beats);
    assert_eq!(test.queue.held_bytes(), 100);
}

#[test]
fn beyond_the_bound_requests_wait_in_turn_and_a_large_one_is_not_passed_by() {
    let mut test = Test::new(300, 1_000);
    let first = test.append(1, 200);
    let large = test.append(2, 200);
    let small = test.append(3, 10);
    assert!(test.has_room(first));
    assert!(!test.has_room(large) && !test.has_room(small));
    test.turn();
    test.answer(first);
    assert!(test.has_room(large) && test.has_room(small));
    assert_eq!(test.queue.held_bytes(), 210);
}

#[test]
fn a_group_at_its_share_holds_back_no_other() {
    let mut test = Test::new(1_000, 300);
    let hung: Vec<_> = (0..5).map(|_| test.append(1, 100)).collect();
    assert!(test.has_room(hung[2]) && !test.has_room(hung[3]));
    let other = test.append(2, 250);
    assert!(test.has_room(other));
    while !test.turn().is_empty() {}
    test.answer(hung[0]);
    assert!(test.has_room(hung[3]) && !test.has_room(hung[4]));
}

#[test]
fn a_single_request_above_the_bound_passes_alone() {
    let mut test = Test::new(100, 50);
    let large = test.append(1, 5_000);
    assert!(test.has_room(large));
    assert_eq!(test.turn(), [large]);
    let next = test.append(2, 1);
    assert!(!test.has_room(next));
    test.answer(large);
    assert!(test.has_room(next));
}

#[test]
fn what_is_forgotten_makes_room_wherever_it_stood() {
    let mut test = Test::new(100, 100);
    let sent = test.append(1, 100);
    test.turn();
    let waiting = test.append(2, 100);
    let behind = test.append(3, 100);
    assert_eq!(test.queue.forget(waiting), Some(false));
    assert!(!test.has_room(behind));
    assert_eq!(test.queue.forget(sent), Some(true));
    assert!(test.has_room(behind));
    // Queued, and not sent.
    assert_eq!(test.queue.forget(behind), Some(false));
    assert_eq!(test.turn(), []);
    assert_eq!(test.queue.held_bytes(), 0);
    assert!(test.queue.lanes.is_empty() && test.queue.items.is_empty());
    // Late answers are nobody's.
    test.answer(sent);
}

#[test]
fn a_lost_connection_tells_what_was_sent_from_what_was_not() {
    let mut test = Test::new(1_000, 1_000);
    let sent = test.append(1, 10);
    test.turn();
    let queued = test.append(1, 10);
    test.queue.fail(&"cut".into());
    let mut reply = |number| test.replies.get_mut(&number).unwrap().try_recv().unwrap();
    assert!(matches!(reply(sent), Err(CallError::Lost { .. })));
    assert!(matches!(reply(queued), Err(CallError::Unreachable { .. })));
    assert_eq!(test.queue.held_bytes(), 0);
}

#[test]
fn an_answer_to_what_was_not_sent_is_ignored() {
    let mut test = Test::new(1_000, 1_000);
    let queued = test.append(1, 10);
    test.answer(queued);
    assert!(test.replies.get_mut(&queued).unwrap().try_recv().is_err());
    assert_eq!(test.turn(), [queued]);
}
