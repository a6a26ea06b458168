//! Everything that is done to the brokers.

mod damage;
mod disks;
mod networks;
mod operators;
mod processes;

use crate::scene::Scene;

/// Something that happens to a cluster. It leaves every broker running that belongs to the cluster, though not yet ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// `kill -9` of one broker.
    Kill,
    /// `kill -9` of all.
    KillAll,
    /// SIGSTOP, and SIGCONT a while later.
    Pause,
    /// SIGTERM and a start, one broker after the other.
    RollingRestart,
    /// One broker's disk forgets what was not synced.
    PowerCut,
    /// All disks do, at once.
    PowerCutOfAll,
    /// The disk of a broker that leads is full for a while.
    FullLeader,
    /// The disk of a broker that follows is full for a while.
    FullFollower,
    /// One broker's disk takes long for every sync, for a while.
    SlowDisk,
    /// A broker comes back on an empty disk.
    ReplacedDisk,
    /// A broker comes back on an older copy of its disk.
    RolledBackDisk,
    /// Bits of a broker's files flip while it does not run.
    Damage,
    /// Bits of finished files flip under a broker that runs.
    DamageWhileRunning,
    /// Bits of two brokers' files flip, in different places.
    DamageOfTwo,
    /// No packet gets from one broker to the others, or back.
    CutOff,
    /// No packet gets from one broker to the others, or none to it.
    OneWay,
    /// A host vanishes: no packet says that its broker has died.
    Vanish,
    /// A broker hands its leaderships on, then takes part again.
    Drain,
    /// A broker comes, another one leaves for good.
    Decommission,
    /// A broker comes back under another address.
    NewAddress,
}

impl Fault {
    /// All of them.
    pub(crate) const ALL: [Self; 20] = [
        Self::Kill,
        Self::KillAll,
        Self::Pause,
        Self::RollingRestart,
        Self::PowerCut,
        Self::PowerCutOfAll,
        Self::FullLeader,
        Self::FullFollower,
        Self::SlowDisk,
        Self::ReplacedDisk,
        Self::RolledBackDisk,
        Self::Damage,
        Self::DamageWhileRunning,
        Self::DamageOfTwo,
        Self::CutOff,
        Self::OneWay,
        Self::Vanish,
        Self::Drain,
        Self::Decommission,
        Self::NewAddress,
    ];

    /// Whether every broker needs a disk of its own.
    pub(crate) fn needs_disks(self) -> bool {
        use Fault::{FullFollower, FullLeader, PowerCut, PowerCutOfAll};
        matches!(self, PowerCut | PowerCutOfAll | FullLeader | FullFollower)
    }

    /// Whether every broker needs a host of its own.
    pub(crate) fn needs_network(self) -> bool {
        matches!(self, Self::CutOff | Self::OneWay | Self::Vanish)
    }

    /// Does it.
    pub(crate) fn strike(self, scene: &mut Scene<'_>) {
        match self {
            Self::Kill => processes::kill(scene),
            Self::KillAll => processes::kill_all(scene),
            Self::Pause => processes::pause(scene),
            Self::RollingRestart => processes::restart_in_turn(scene),
            Self::PowerCut => disks::cut_power(scene),
            Self::PowerCutOfAll => disks::cut_power_of_all(scene),
            Self::FullLeader => disks::fill_leader(scene),
            Self::FullFollower => disks::fill_follower(scene),
            Self::SlowDisk => disks::slow_down(scene),
            Self::ReplacedDisk => disks::replace(scene),
            Self::RolledBackDisk => disks::roll_back(scene),
            Self::Damage => damage::at_rest(scene),
            Self::DamageWhileRunning => damage::while_running(scene),
            Self::DamageOfTwo => damage::of_two(scene),
            Self::CutOff => networks::cut_off(scene),
            Self::OneWay => networks::cut_one_way(scene),
            Self::Vanish => networks::vanish(scene),
            Self::Drain => operators::drain(scene),
            Self::Decommission => operators::decommission(scene),
            Self::NewAddress => operators::move_away(scene),
        }
    }
}
