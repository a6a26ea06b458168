//! Both disks pass one suite, and the real one says which file a bus error came from.

use std::path::Path;
use std::process::Command;

use segment_log::disk::conformance::{CHECKS, a_full_disk_refuses_and_recovers};
use segment_log::disk::{
    BUS_ERROR_EXIT_CODE, Disk, RealDisk, SimulatedDisk, install_bus_error_handler,
};
use tempfile::TempDir;

#[cfg(target_os = "linux")]
const EIO: i32 = 5;

#[test]
fn the_real_disk_passes_the_suite() {
    for (name, check) in CHECKS {
        let directory = TempDir::new().unwrap();
        println!("{name}");
        check(&RealDisk::new(directory.path())).unwrap();
    }
}

#[test]
fn the_simulated_disk_passes_the_suite() {
    for (name, check) in CHECKS {
        println!("{name}");
        check(&SimulatedDisk::new(1)).unwrap();
    }
}

#[test]
fn a_full_simulated_disk_refuses_and_recovers() {
    let disk = SimulatedDisk::new(1);
    disk.set_capacity(4 << 20);
    a_full_disk_refuses_and_recovers(&disk).unwrap();
}

#[test]
fn a_full_real_disk_refuses_and_recovers() {
    let Some(mounted) = SmallFilesystem::mount() else {
        eprintln!(
            "SKIPPED a_full_real_disk_refuses_and_recovers: mounting a tmpfs is not allowed here"
        );
        return;
    };
    a_full_disk_refuses_and_recovers(&RealDisk::new(mounted.path())).unwrap();
}

#[test]
fn the_root_is_made_with_its_parents_and_relative_to_nothing_else() {
    let directory = TempDir::new().unwrap();
    let disk = RealDisk::new(directory.path().join("x/y"));
    disk.create_directory(Path::new("")).unwrap();
    disk.create_directory(Path::new("a/b")).unwrap();
    assert!(directory.path().join("x/y/a/b").is_dir());
    disk.remove_directory(Path::new("a")).unwrap();
    disk.create_directory(Path::new("a/b")).unwrap();
    assert!(directory.path().join("x/y/a/b").is_dir());
    assert!(disk.free_bytes().unwrap() > 0);
}

/// The length in memory still covers the page; only reading it in shows that it is gone.
#[test]
#[cfg(target_os = "linux")]
fn a_page_that_cannot_be_read_in_is_an_error_and_not_a_signal() {
    let directory = TempDir::new().unwrap();
    let disk = RealDisk::new(directory.path());
    let file = disk.create(Path::new("cut.log")).unwrap();
    file.reserve(0..8192).unwrap();
    drop(file.slice(0..8192).unwrap());
    std::fs::File::create(directory.path().join("cut.log")).unwrap();
    let error = file.slice(4096..8192).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(EIO));
}

/// Runs in a process of its own: the child is this test program, told by the environment what to do.
#[test]
fn a_page_lost_under_a_map_ends_the_process_and_names_the_file() {
    const CHILD: &str = "STRAND_TEST_BUS_ERROR_IN";
    if let Some(directory) = std::env::var_os(CHILD) {
        install_bus_error_handler().unwrap();
        let disk = RealDisk::new(&directory);
        let file = disk.create(Path::new("cut.log")).unwrap();
        file.reserve(0..8192).unwrap();
        let slice = file.slice(0..8192).unwrap();
        // Not by our handle: as if somebody else cut the file.
        std::fs::File::create(Path::new(&directory).join("cut.log")).unwrap();
        println!("read {}", slice[5000]);
        return;
    }
    let directory = TempDir::new().unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "--nocapture",
            "a_page_lost_under_a_map_ends_the_process_and_names_the_file",
        ])
        .env(CHILD, directory.path())
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(BUS_ERROR_EXIT_CODE), "{stderr}");
    assert!(stderr.contains("cut.log"), "{stderr}");
}

/// A tmpfs of 4 MiB, unmounted when dropped.
struct SmallFilesystem(TempDir);

impl SmallFilesystem {
    fn mount() -> Option<Self> {
        let directory = TempDir::new().ok()?;
        let is_mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"])
            .arg(directory.path())
            .output()
            .is_ok_and(|output| output.status.success());
        is_mounted.then_some(Self(directory))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallFilesystem {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg(self.path()).status();
        assert!(unmounted.is_ok_and(|status| status.success()));
    }
}
