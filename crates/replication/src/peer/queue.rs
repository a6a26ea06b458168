//! What waits for one peer, and what waits for its answer: bounded in bytes, fair between groups, urgent things first.
//!
//! ```text
//! call ──▶ waiting ──(room in the group's share and in the whole)──▶ queued ──(the group's turn)──▶ sent ──▶ answered
//! ```
//! It knows neither time nor sockets.

use std::collections::{HashMap, VecDeque};
use std::mem;
use std::sync::Arc;

use model::ReplicaId;
use tokio::sync::oneshot;

use super::wire::Answer;
use super::{CallError, GroupId, PeerReply, PeerRequest, RequestKind};

/// How the reply to a request comes.
pub(super) type ReplySender = oneshot::Sender<Result<PeerReply, CallError>>;

/// One peer's requests.
pub(super) struct Queue {
    queue_bytes_max: usize,
    group_bytes_max: usize,
    next: u64,
    items: HashMap<u64, Item>,
    urgent: VecDeque<u64>,
    heartbeats: Vec<u64>,
    lanes: HashMap<GroupId, Lane>,
    /// Lanes with something queued.
    ready: VecDeque<GroupId>,
    /// Lanes with something waiting that their own share has room for.
    wanting: VecDeque<GroupId>,
    /// Bytes queued and sent, urgent ones not counted.
    held: usize,
}

struct Item {
    to: ReplicaId,
    group: GroupId,
    /// `None` once it is sent.
    request: Option<PeerRequest>,
    /// What it takes of the bound; 0 for urgent ones.
    bytes: usize,
    /// Whoever waits for room. `None` once there is.
    admitted: Option<oneshot::Sender<()>>,
    is_admitted: bool,
    reply: ReplySender,
}

/// One group's requests, by their numbers. Those that were taken back are stepped over.
#[derive(Default)]
struct Lane {
    waiting: VecDeque<u64>,
    queued: VecDeque<u64>,
    held: usize,
    is_ready: bool,
    is_wanting: bool,
}

impl Queue {
    pub(super) fn new(queue_bytes_max: usize, group_bytes_max: usize) -> Self {
        Self {
            queue_bytes_max,
            group_bytes_max,
            next: 0,
            items: HashMap::new(),
            urgent: VecDeque::new(),
            heartbeats: Vec::new(),
            lanes: HashMap::new(),
            ready: VecDeque::new(),
            wanting: VecDeque::new(),
            held: 0,
        }
    }

    /// Takes a request; its number. What is returned beside it resolves when there is room, where there is none yet.
    pub(super) fn push(
        &mut self,
        to: ReplicaId,
        request: PeerRequest,
        reply: ReplySender,
    ) -> (u64, Option<oneshot::Receiver<()>>) {
        let number = self.next;
        self.next += 1;
        let (group, kind) = (request.group, request.kind);
        let is_urgent = kind.is_urgent();
        let (admitted, admission) = oneshot::channel();
        let item = Item {
            to,
            group,
            bytes: if is_urgent {
                0
            } else {
                request.payload_bytes()
            },
            request: Some(request),
            admitted: (!is_urgent).then_some(admitted),
            is_admitted: is_urgent,
            reply,
        };
        self.items.insert(number, item);
        if kind == RequestKind::Heartbeat {
            self.heartbeats.push(number);
        } else if is_urgent {
            self.urgent.push_back(number);
        } else {
            let lane = self.lanes.entry(group).or_default();
            lane.waiting.push_back(number);
            self.wants(group);
            self.admit();
        }
        let is_admitted = self.items.get(&number).is_none_or(|item| item.is_admitted);
        (number, (!is_admitted).then_some(admission))
    }

    /// Whether anything can be sent at once.
    pub(super) fn has_work(&self) -> bool {
        !self.urgent.is_empty() || !self.ready.is_empty()
    }

    pub(super) fn has_heartbeats(&self) -> bool {
        !self.heartbeats.is_empty()
    }

    /// Takes the next urgent request; it counts as sent.
    pub(super) fn next_urgent(&mut self) -> Option<(u64, PeerRequest)> {
        while let Some(number) = self.urgent.pop_front() {
            if let Some(request) = self.send(number) {
                return Some((number, request));
            }
        }
        None
    }

    /// Takes all heartbeats; they count as sent.
    pub(super) fn take_heartbeats(&mut self) -> Vec<(u64, PeerRequest)> {
        let numbers = mem::take(&mut self.heartbeats);
        let send = |number| Some((number, self.send(number)?));
        numbers.into_iter().filter_map(send).collect()
    }

    /// Takes the turn of one group: at least one request, more as long as they are not above `bytes` together. They
    /// count as sent.
    pub(super) fn next_turn(&mut self, bytes: usize) -> Vec<(u64, PeerRequest)> {
        let mut taken = Vec::new();
        let mut left = bytes;
        while taken.is_empty()
            && let Some(group) = self.ready.pop_front()
        {
            while let Some(number) = self.next_queued(group, left, taken.is_empty()) {
                if let Some(request) = self.send(number) {
                    left = left.saturating_sub(request.payload_bytes());
                    taken.push((number, request));
                }
            }
            if let Some(lane) = self.lanes.get_mut(&group) {
                lane.is_ready = !lane.queued.is_empty();
                if lane.is_ready {
                    self.ready.push_back(group);
                }
            }
            self.drop_lane_if_idle(group);
        }
        taken
    }

    /// The next request of a lane, if it is not above `bytes`, or is the first.
    fn next_queued(&mut self, group: GroupId, bytes: usize, is_first: bool) -> Option<u64> {
        let lane = self.lanes.get_mut(&group)?;
        let number = *lane.queued.front()?;
        let fits = self.items.get(&number).is_none_or(|i| i.bytes <= bytes);
        if !fits && !is_first {
            return None;
        }
        lane.queued.pop_front();
        Some(number)
    }

    /// A reply has come; a late one, to a request that was taken back, is nobody's.
    pub(super) fn answered(&mut self, number: u64, answer: Answer, frame_bytes_max: usize) {
        // A peer that answers what it has not got yet is not listened to.
        if self.items.get(&number).is_none_or(|i| i.request.is_some()) {
            return;
        }
        let Some(item) = self.items.remove(&number) else {
            return;
        };
        self.release(item.group, item.bytes);
        let (to, group) = (item.to, item.group);
        let result = match answer {
            Answer::Reply(reply) => Ok(reply),
            Answer::Refused(reason) => Err(CallError::Refused { to, reason }),
            Answer::NoSuchGroup => Err(CallError::NoSuchGroup { to, group }),
            Answer::Dropped => Err(CallError::Dropped { to }),
            Answer::TooLarge(bytes) => Err(CallError::TooLarge {
                bytes,
                limit: frame_bytes_max,
            }),
        };
        // Who does not wait any more needs no answer.
        let _ = item.reply.send(result);
    }

    /// Takes a request back, or forgets its reply. Whether it had been sent; `None` if it was over.
    pub(super) fn forget(&mut self, number: u64) -> Option<bool> {
        let item = self.items.remove(&number)?;
        if item.is_admitted {
            self.release(item.group, item.bytes);
        } else {
            // It may have stood in the way of smaller ones.
            self.wants(item.group);
            self.admit();
            self.drop_lane_if_idle(item.group);
        }
        Some(item.request.is_none())
    }

    /// The connection is lost: nothing waits any more.
    pub(super) fn fail(&mut self, reason: &Arc<str>) {
        for (_, item) in self.items.drain() {
            let (to, reason) = (item.to, reason.clone());
            let error = if item.request.is_some() {
                CallError::Unreachable { to, reason }
            } else {
                CallError::Lost { to, reason }
            };
            let _ = item.reply.send(Err(error));
        }
        self.urgent.clear();
        self.heartbeats.clear();
        self.lanes.clear();
        self.ready.clear();
        self.wanting.clear();
        self.held = 0;
    }

    /// Bytes queued and sent.
    pub(super) fn held_bytes(&self) -> usize {
        self.held
    }

    fn send(&mut self, number: u64) -> Option<PeerRequest> {
        self.items.get_mut(&number)?.request.take()
    }

    fn release(&mut self, group: GroupId, bytes: usize) {
        self.held = self.held.saturating_sub(bytes);
        if let Some(lane) = self.lanes.get_mut(&group) {
            lane.held = lane.held.saturating_sub(bytes);
            self.wants(group);
        }
        self.admit();
        self.drop_lane_if_idle(group);
    }

    /// Lets a lane wait for its turn to be admitted, if it has anything to be.
    fn wants(&mut self, group: GroupId) {
        if let Some(lane) = self.lanes.get_mut(&group)
            && !lane.is_wanting
            && !lane.waiting.is_empty()
        {
            lane.is_wanting = true;
            self.wanting.push_back(group);
        }
    }

    /// Admits in turn, until one does not fit: nothing smaller goes past it.
    fn admit(&mut self) {
        while let Some(group) = self.wanting.pop_front() {
            let Some(lane) = self.lanes.get_mut(&group) else {
                continue;
            };
            lane.is_wanting = false;
            let Some(number) = lane.waiting.front().copied() else {
                continue;
            };
            let Some(item) = self.items.get_mut(&number) else {
                lane.waiting.pop_front();
                self.wants(group);
                continue;
            };
            if lane.held > 0 && lane.held + item.bytes > self.group_bytes_max {
                // Until one of its own is answered.
                continue;
            }
            if self.held > 0 && self.held + item.bytes > self.queue_bytes_max {
                lane.is_wanting = true;
                self.wanting.push_front(group);
                return;
            }
            item.is_admitted = true;
            lane.held += item.bytes;
            self.held += item.bytes;
            lane.waiting.pop_front();
            lane.queued.push_back(number);
            if !lane.is_ready {
                lane.is_ready = true;
                self.ready.push_back(group);
            }
            if let Some(admitted) = item.admitted.take() {
                let _ = admitted.send(());
            }
            self.wants(group);
        }
    }

    fn drop_lane_if_idle(&mut self, group: GroupId) {
        let is_idle = self.lanes.get(&group).is_some_and(|lane| {
            lane.waiting.is_empty()
                && lane.queued.is_empty()
                && lane.held == 0
                && !lane.is_ready
                && !lane.is_wanting
        });
        if is_idle {
            self.lanes.remove(&group);
        }
    }
}

#[cfg(test)]
mod tests;
