//! An empty root with the static binary in it: what the image holds, without a container engine.

use std::fs::{self, File};
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Command;

use strandline_tests::harness::{Plan, command_exists, is_root};
use tempfile::TempDir;

/// The user of the image.
const USER: u32 = 65532;

/// What a container runtime puts into `/dev`, and more that is bound over what lies on the disk.
const FILES: &[&str] = &["null", "zero", "full", "random", "urandom"];

/// Where data lies inside.
pub(crate) const VOLUME: &str = "/var/lib/strandline";

/// A directory that is a broker's root.
pub(crate) struct EmptyRoot {
    hostname: String,
    root: TempDir,
}

impl EmptyRoot {
    /// A root with the binary that `STRAND_STATIC_BINARY` names, whose names are looked up at `name_server`.
    ///
    /// # Errors
    /// Why this machine cannot run it.
    pub(crate) fn with(hostname: &str, name_server: &str) -> Result<Self, &'static str> {
        let Some(binary) = std::env::var_os("STRAND_STATIC_BINARY") else {
            return Err("STRAND_STATIC_BINARY names no binary made by deploy/image/build-static");
        };
        if !is_root() || !["unshare", "setpriv"].into_iter().all(command_exists) {
            return Err("changing the root needs root, unshare and setpriv");
        }
        let root = tempfile::Builder::new()
            .prefix("strandline-root-")
            .tempdir()
            .expect("a temporary directory");
        let path = root.path();
        for directory in ["proc", "dev", "etc", VOLUME.trim_start_matches('/')] {
            fs::create_dir_all(path.join(directory)).expect("a directory in the root");
        }
        for device in FILES {
            File::create(path.join("dev").join(device)).expect("a place for a device");
        }
        let volume = path.join(VOLUME.trim_start_matches('/'));
        chown(volume, Some(USER), Some(USER)).expect("the volume is the user's");
        let names = format!("nameserver {name_server}\n");
        fs::write(path.join("etc/resolv.conf"), names).expect("the name server's address");
        fs::copy(binary, path.join("strand")).expect("the static binary is copied");
        // A temporary directory is its owner's alone.
        let all_read = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(path, all_read).expect("others may read the root");
        let hostname = hostname.to_owned();
        Ok(Self { hostname, root })
    }

    /// A broker in this root.
    pub(crate) fn plan(&self) -> Plan {
        Plan {
            data: Some(PathBuf::from(VOLUME).join("data")),
            under: self.under(),
            ..Plan::default()
        }
    }

    /// `strand` in this root, yet to be run.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let under = self.under();
        let mut command = Command::new(&under[0]);
        command.args(&under[1..]).arg("strand").args(arguments);
        command
    }

    /// The root, from outside.
    pub(crate) fn path(&self) -> &Path {
        self.root.path()
    }

    fn under(&self) -> Vec<String> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/in_empty_root");
        let root = self.path().to_str().expect("a path in UTF-8");
        let unshare = ["unshare", "--mount", "--uts", "--propagation", "private"];
        let words = [&unshare[..], &[script, root, &self.hostname]].concat();
        words.into_iter().map(str::to_owned).collect()
    }
}
