//! What is done to a broker of a cluster while it does not run: another disk, an older copy of its disk, another address.

use std::fs;
use std::path::{Path, PathBuf};

use super::cluster::{Cluster, Member, Ports};
use super::segments::data_files;

impl Cluster {
    /// The broker's disk is replaced by an empty one.
    #[track_caller]
    pub fn replace_disk(&mut self, id: u32) {
        fs::remove_dir_all(&self.at_rest(id).data).expect("the data directory is removed");
    }

    /// Copies the broker's disk, beside it: where to.
    #[track_caller]
    pub fn copy_disk(&mut self, id: u32) -> PathBuf {
        let data = &self.at_rest(id).data;
        let copy = data.with_extension("copy");
        copy_files(data, &copy);
        copy
    }

    /// The broker's disk is as it was when it was copied. The copy is used up.
    #[track_caller]
    pub fn roll_disk_back(&mut self, id: u32, copy: &Path) {
        self.replace_disk(id);
        fs::rename(copy, &self.at_rest(id).data).expect("the copy takes the disk's place");
    }

    /// The broker is found under other addresses from its next start on; the others still list its old one.
    #[track_caller]
    pub fn move_away(&mut self, id: u32) {
        // All others know the list as it was, and so does the broker itself.
        let peers = self.peers();
        self.look_elsewhere(id, &peers);
        self.at_rest(id).ports = Ports::free();
    }

    /// From its next start on, the broker looks for others at these peer addresses.
    #[track_caller]
    pub fn look_elsewhere(&mut self, id: u32, peers: &str) {
        self.at_rest(id).peers = Some(peers.to_owned());
    }

    #[track_caller]
    fn at_rest(&mut self, id: u32) -> &mut Member {
        let member = self.member_mut(id);
        assert!(!member.runs(), "broker {id} is changed while it runs");
        member
    }
}

fn copy_files(from: &Path, to: &Path) {
    for file in data_files(from) {
        let place = to.join(file.strip_prefix(from).expect("the file lies below"));
        let parent = place.parent().expect("a file lies in a directory");
        fs::create_dir_all(parent).expect("a directory is made");
        fs::copy(&file, &place).expect("a file is copied");
    }
}
