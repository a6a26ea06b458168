//! Moves leaderships and replicas about.

use model::{BrokerId, PartitionIndex};
use rpc::v1;

use super::Admin;
use crate::call_error::CallError;
use crate::calling::{Clusters, Repeat};
use crate::refusal::Refusal;
use crate::wire::{self, Problem};

/// A partition's move from some brokers to others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: PartitionIndex,
    /// Who held a replica before.
    pub from: Vec<BrokerId>,
    /// Who is to hold one; the first is preferred to lead.
    pub to: Vec<BrokerId>,
    /// How far it is.
    pub state: MoveState,
    /// By how many batches the slowest replica that comes is behind; `None` where it is not known.
    pub lag: Option<u64>,
    /// About how many bytes a replica that comes has to copy; `None` where it is not known.
    pub bytes: Option<u64>,
    /// What holds it up; empty: nothing.
    pub problem: String,
    /// The partition's epoch once it is decided. It is done where the partition is described with this epoch or a higher
    /// one, and nothing comes or goes.
    pub epoch: u64,
}

/// How far a move is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MoveState {
    /// It would be made: nothing was decided.
    Planned,
    /// It is decided and has not begun.
    Waiting,
    /// Replicas that come are catching up.
    CatchingUp,
    /// Replicas that go are being let go.
    Leaving,
    /// It is done.
    Done,
}

/// Which replicas a partition is to have. Numbers are checked by the broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reassignment {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The ids of the brokers, all of them; the first is preferred to lead.
    pub replicas: Vec<i32>,
}

/// What was decided for one partition.
#[derive(Clone, Debug)]
pub struct Reassigned {
    /// The move, or why there is none.
    pub outcome: Result<Move, Refusal>,
    /// What the user may not expect; empty: nothing.
    pub warning: String,
}

/// What is moved so that replicas and leaderships are spread evenly, or would be.
#[derive(Clone, Debug, Default)]
pub struct Rebalance {
    /// The replicas' moves.
    pub moves: Vec<Move>,
    /// The leaderships' moves.
    pub leader_moves: Vec<LeaderMove>,
}

/// A leadership's move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaderMove {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: PartitionIndex,
    /// Who leads, if anybody does.
    pub from: Option<BrokerId>,
    /// Who is to lead.
    pub to: BrokerId,
    /// The partition's epoch once that is decided.
    pub epoch: u64,
}

impl Admin {
    /// Hands a partition's leadership to another of its replicas (`None`: the preferred one of those that can), and
    /// waits until it leads: the broker that leads now.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn transfer_leadership(
        &self,
        topic: &str,
        partition: i32,
        to: Option<i32>,
    ) -> Result<BrokerId, CallError> {
        let request = v1::TransferLeadershipRequest {
            topic: topic.to_owned(),
            partition,
            to,
        };
        // To whichever is best, a second time would be one further.
        let repeat = to.map_or(Repeat::IfNotDone, |_| Repeat::Always);
        let answer = self
            .client
            .call(repeat, request, Clusters::transfer_leadership)
            .await?;
        self.read(wire::broker(answer.leader))
    }

    /// Gives partitions other replicas. The moves go on by themselves, see [`Admin::list_moves`].
    ///
    /// # Errors
    /// [`CallError`]; why single partitions do not move stands in the result, which has the order of the request.
    pub async fn reassign_partitions(
        &self,
        reassignments: Vec<Reassignment>,
        validate_only: bool,
    ) -> Result<Vec<Reassigned>, CallError> {
        let reassignments = reassignments.into_iter().map(|wanted| v1::Reassignment {
            topic: wanted.topic,
            partition: wanted.partition,
            replicas: wanted.replicas,
        });
        let request = v1::ReassignPartitionsRequest {
            reassignments: reassignments.collect(),
            validate_only,
        };
        let answer = self
            .client
            .call(Repeat::Always, request, Clusters::reassign_partitions)
            .await?;
        let read = |result: v1::ReassignmentResult| {
            let outcome = match (result.error, result.r#move) {
                (Some(error), _) => Err(Refusal::from(error)),
                (None, Some(decided)) => Ok(Move::read(decided)?),
                (None, None) => return Err("a result has neither a move nor an error".to_owned()),
            };
            let warning = result.warning;
            Ok(Reassigned { outcome, warning })
        };
        self.read(answer.results.into_iter().map(read).collect())
    }

    /// Spreads replicas and leaderships evenly, or only tells what that would move.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn rebalance(&self, dry_run: bool) -> Result<Rebalance, CallError> {
        let request = v1::RebalanceRequest { dry_run };
        let answer = self
            .client
            .call(Repeat::IfNotDone, request, Clusters::rebalance)
            .await?;
        let leader_moves = answer.leader_moves.into_iter().map(LeaderMove::read);
        Ok(Rebalance {
            moves: self.moves(answer.moves)?,
            leader_moves: self.read(leader_moves.collect())?,
        })
    }

    /// Moves every leadership off a broker, until it starts again: how many it still leads.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn drain(&self, broker: i32) -> Result<u64, CallError> {
        let request = v1::DrainRequest { broker };
        let answer = self
            .client
            .call(Repeat::Always, request, Clusters::drain)
            .await?;
        self.read(wire::count("leaders", answer.leaders))
    }

    /// Ends a drain.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn undrain(&self, broker: i32) -> Result<(), CallError> {
        let request = v1::UndrainRequest { broker };
        self.client
            .call(Repeat::Always, request, Clusters::undrain)
            .await?;
        Ok(())
    }

    /// Moves every replica off a broker, for good: the moves.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn decommission(&self, broker: i32) -> Result<Vec<Move>, CallError> {
        let request = v1::DecommissionRequest { broker };
        let answer = self
            .client
            .call(Repeat::Always, request, Clusters::decommission)
            .await?;
        self.moves(answer.moves)
    }

    /// The moves that are under way; with a broker, those that come from it or go to it.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn list_moves(&self, broker: Option<BrokerId>) -> Result<Vec<Move>, CallError> {
        let broker = broker.map(wire::broker_field);
        let request = v1::ListMovesRequest { broker };
        let answer = self
            .client
            .call(Repeat::Always, request, Clusters::list_moves)
            .await?;
        self.moves(answer.moves)
    }

    fn moves(&self, moves: Vec<v1::Move>) -> Result<Vec<Move>, CallError> {
        self.read(moves.into_iter().map(Move::read).collect())
    }

    fn read<T>(&self, read: Result<T, Problem>) -> Result<T, CallError> {
        read.map_err(|problem| self.client.malformed(problem))
    }
}

impl MoveState {
    /// The state in a word or two, for people and for programs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Waiting => "waiting",
            Self::CatchingUp => "catching-up",
            Self::Leaving => "leaving",
            Self::Done => "done",
        }
    }

    /// A state that this version does not know is one in which the move is not done.
    fn read(number: i32) -> Self {
        match v1::MoveState::try_from(number).unwrap_or_default() {
            v1::MoveState::Planned => Self::Planned,
            v1::MoveState::Unspecified | v1::MoveState::Waiting => Self::Waiting,
            v1::MoveState::CatchingUp => Self::CatchingUp,
            v1::MoveState::Leaving => Self::Leaving,
            v1::MoveState::Done => Self::Done,
        }
    }
}

impl Move {
    fn read(info: v1::Move) -> Result<Self, Problem> {
        let count = |name, value: Option<i64>| value.map(|value| wire::count(name, value));
        Ok(Self {
            topic: info.topic,
            partition: wire::partition(info.partition)?,
            from: wire::brokers(info.from)?,
            to: wire::brokers(info.to)?,
            state: MoveState::read(info.state),
            lag: count("lag", info.lag).transpose()?,
            bytes: count("bytes", info.bytes).transpose()?,
            problem: info.problem,
            epoch: wire::count("epoch", info.epoch)?,
        })
    }
}

impl LeaderMove {
    fn read(info: v1::LeaderMove) -> Result<Self, Problem> {
        Ok(Self {
            topic: info.topic,
            partition: wire::partition(info.partition)?,
            from: info.from.map(wire::broker).transpose()?,
            to: wire::broker(info.to)?,
            epoch: wire::count("epoch", info.epoch)?,
        })
    }
}
