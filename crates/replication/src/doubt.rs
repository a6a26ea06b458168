//! A replica that may have forgotten what it acknowledged: the rule for `page-cache` partitions after a power cut.
//!
//! It stays stopped (no votes, no acknowledgements) until it holds again everything up to the end of the log of a leader
//! that a quorum confirms: what differs is cut off, what is missing is copied, at or below that leader's snapshot the
//! snapshot is taken, all of it synced. Then it starts as itself, with the vote that it kept. That is the readmission of
//! which the design speaks: removing the replica and adding it again as a new one would copy the same log under a new
//! name, with two membership changes and a quorum that is smaller meanwhile.
//!
//! **Why that loses nothing.** Take the same run of the cluster but for this: the replica forgets nothing, and is merely
//! paused from the power cut on. Nobody else can tell the two apart: in both it answers nothing, what it had sent before
//! is on its way in both, and votes are always synced. The second run is an ordinary one of Raft, and there the confirmed
//! leader L of term T sends the paused replica its whole log. What would that make of it?
//! - Below L's end: L's log, entry by entry.
//! - Above L's end: nothing. L has written an entry of its own term before it says anything here, so an entry above has
//!   term T or a later one. One of term T came from L, which has it. One of a later term came from a leader whom a quorum
//!   had elected before the power cut; a member of that quorum, other than this replica, is in the quorum that confirmed
//!   L after the restart, and would have refused.
//!
//! So the log is L's log up to that end in both runs, and from then on they are the same: whatever was committed with the
//! help of a forgotten acknowledgement, whatever older leaders still count, whatever members have come or gone, learners
//! included. L's end, not its high watermark, is what matters: L may still count a forgotten acknowledgement towards a
//! commit to come, and openraft never believes that a follower holds less than it has acknowledged.
//! A vote below T is raised to the one for L, as L's entries would have raised it.
//!
//! **The only voter** starts at once with what it holds: what it forgot nobody else has promised. It is the only one if
//! its log says so. That can be believed because a change of members is acknowledged only once it is synced, whatever the
//! partition's durability ([`membership entries`](crate::raft::log_store)). Nor is anything in doubt where no vote was ever
//! saved: nothing was ever acknowledged then.
//!
//! **Where no quorum is left** without the replicas in doubt, an operator accepts the loss. A replica so accepted first
//! tries to be readmitted; in vain, it takes over the log of whoever can be asked and holds the most, confirmed or not,
//! where that is more than it holds itself (by Raft's comparison of logs), so that no more is lost than must be. Then it
//! starts, in a term that is new: a leader that still counts on what it had acknowledged must be elected anew, and asks
//! every follower afresh what it holds.
//!
//! ```text
//! Replication ─ task ── opens the log, and again and again: follow ── asks others (repair::ask) for L's standing, copies
//!                 └──── door: answers others' reads of what is there
//! ```

mod door;
mod follow;
mod sole;
mod task;

pub(crate) use sole::is_sole_voter;
pub(crate) use task::{DoubtEnded, DoubtTask, Doubtful};
