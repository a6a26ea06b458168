//! A group's members in bytes: `u8 configs, each: u16 voters, u64 each; u16 nodes, u64 each`.

use std::collections::BTreeSet;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use openraft::EmptyNode;

use super::types::Membership;

/// The bytes of a membership.
pub(crate) fn encode(membership: &Membership) -> Bytes {
    let mut bytes = BytesMut::new();
    let configs = membership.get_joint_config();
    bytes.put_u8(u8::try_from(configs.len()).unwrap_or(u8::MAX));
    for voters in configs {
        put_ids(&mut bytes, voters.iter().copied());
    }
    put_ids(&mut bytes, membership.nodes().map(|(id, _)| *id));
    bytes.freeze()
}

/// The membership in `bytes`; `None` where they make no sense.
pub(crate) fn decode(bytes: &mut impl Buf) -> Option<Membership> {
    let mut configs = Vec::new();
    for _ in 0..bytes.try_get_u8().ok()? {
        configs.push(get_ids(bytes)?);
    }
    let nodes = get_ids(bytes)?.into_iter().map(|id| (id, EmptyNode {}));
    let nodes: std::collections::BTreeMap<u64, EmptyNode> = nodes.collect();
    if configs.is_empty() && nodes.is_empty() {
        return Some(Membership::default());
    }
    Membership::new(configs, nodes).ok()
}

fn put_ids(bytes: &mut BytesMut, ids: impl Iterator<Item = u64>) {
    let ids: Vec<u64> = ids.collect();
    bytes.put_u16(u16::try_from(ids.len()).unwrap_or(u16::MAX));
    ids.into_iter().for_each(|id| bytes.put_u64(id));
}

fn get_ids(bytes: &mut impl Buf) -> Option<BTreeSet<u64>> {
    let count = bytes.try_get_u16().ok()?;
    (0..count).map(|_| bytes.try_get_u64().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_membership_reads_back_and_no_cut_of_it_panics() {
        let joint = vec![BTreeSet::from([0, 1]), BTreeSet::from([1, 2])];
        let nodes = (0..4).map(|id| (id, EmptyNode {}));
        let membership =
            Membership::new(joint, nodes.collect::<std::collections::BTreeMap<_, _>>()).unwrap();
        let bytes = encode(&membership);
        assert_eq!(decode(&mut &bytes[..]), Some(membership));
        assert!((0..bytes.len()).all(|cut| decode(&mut &bytes[..cut]).is_none()));
        let none = Membership::default();
        assert_eq!(decode(&mut &encode(&none)[..]), Some(none));
    }
}
