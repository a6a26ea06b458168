//! Finds the `strand` binary of this workspace, and builds it where it is missing or older than its sources.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::SystemTime;

/// The binary: built from the sources as they are, with the profile of the test that asks. `STRAND_TEST_BINARY` names
/// another one, for long runs against a release build.
pub fn strand_binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| match std::env::var_os("STRAND_TEST_BINARY") {
        Some(path) => path.into(),
        None => built_binary(),
    })
}

fn built_binary() -> PathBuf {
    // target/<profile>/deps/<this test>
    let test = std::env::current_exe().expect("a test knows its own path");
    let profile = test
        .ancestors()
        .nth(2)
        .expect("tests lie in target/<profile>/deps");
    let binary = profile.join(format!("strand{}", std::env::consts::EXE_SUFFIX));
    if !is_fresh(&binary) {
        build(profile);
    }
    assert!(binary.exists(), "cargo built no {}", binary.display());
    binary
}

/// Whether no source is newer than the binary; cargo lists them beside it.
fn is_fresh(binary: &Path) -> bool {
    let modified = |path: &Path| fs::metadata(path).and_then(|about| about.modified()).ok();
    let (Some(built), Ok(listed)) = (
        modified(binary),
        fs::read_to_string(binary.with_extension("d")),
    ) else {
        return false;
    };
    let Some((_, sources)) = listed.split_once(": ") else {
        return false;
    };
    let sources = sources.replace("\\ ", "\0");
    let is_older = |source: &str| {
        let source = source.replace('\0', " ");
        modified(Path::new(&source)).is_some_and(|changed: SystemTime| changed <= built)
    };
    sources.split_whitespace().all(is_older)
}

fn build(profile: &Path) {
    let target = profile
        .parent()
        .expect("a profile's directory lies in target");
    let name = match profile.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    let workspace = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        // The whole workspace: features, and so dependencies, are the same as those of `cargo test --workspace`.
        .args([
            "build",
            "--quiet",
            "--workspace",
            "--bin",
            "strand",
            "--profile",
            name,
            "--target-dir",
        ])
        .arg(target)
        .current_dir(workspace)
        .status()
        .expect("cargo runs");
    assert!(status.success(), "cargo cannot build strand: {status}");
}
