//! The identity file as the store of promises.

use std::io;
use std::sync::Arc;

use replication::peer::{Membership, Promise, PromiseStore, Standing};

use crate::data_directory::{Bond, Stored};

/// Keeps a broker's standing in the identity file.
pub(super) struct IdentityFile {
    stored: Arc<Stored>,
}

impl IdentityFile {
    pub(super) fn new(stored: Arc<Stored>) -> Self {
        Self { stored }
    }
}

impl PromiseStore for IdentityFile {
    fn load(&mut self) -> io::Result<Standing> {
        Ok(standing(self.stored.bond()))
    }

    fn keep(&mut self, standing: &Standing) -> io::Result<()> {
        self.stored.bind(bond(standing))
    }
}

/// What a directory's bond means among brokers. One that is not noted was refused before anybody asks.
pub(super) fn standing(bond: Bond) -> Standing {
    match bond {
        Bond::None | Bond::Unnoted => Standing::Empty,
        Bond::Promised {
            cluster,
            initial_brokers,
        } => Standing::Promised(Promise {
            cluster,
            initial_brokers,
        }),
        Bond::Member {
            cluster,
            replica,
            initial_brokers,
        } => Standing::Member(Membership {
            cluster,
            replica,
            initial_brokers,
        }),
    }
}

fn bond(standing: &Standing) -> Bond {
    match *standing {
        Standing::Empty => Bond::None,
        Standing::Promised(Promise {
            cluster,
            initial_brokers,
        }) => Bond::Promised {
            cluster,
            initial_brokers,
        },
        Standing::Member(Membership {
            cluster,
            replica,
            initial_brokers,
        }) => Bond::Member {
            cluster,
            replica,
            initial_brokers,
        },
    }
}

#[cfg(test)]
mod tests {
    use model::{ClusterId, ReplicaId};

    use super::*;

    #[test]
    fn what_is_kept_is_what_is_loaded() {
        let cluster = ClusterId::from_bytes([7; 16]);
        let member = |initial_brokers| {
            Standing::Member(Membership {
                cluster,
                replica: ReplicaId::new(4),
                initial_brokers,
            })
        };
        let promised = Standing::Promised(Promise {
            cluster,
            initial_brokers: 3,
        });
        for kept in [Standing::Empty, promised, member(Some(3)), member(None)] {
            assert_eq!(standing(bond(&kept)), kept);
        }
    }
}
