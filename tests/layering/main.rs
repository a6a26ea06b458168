//! The house rules that a compiler does not know: which crate may name which, who knows openraft, where `unsafe` is.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The arrows of the picture in the README's code map: each crate and what it may name, besides `model`.
const ARROWS: [(&str, &[&str]); 12] = [
    ("model", &[]),
    ("segment-log", &[]),
    ("metadata", &[]),
    ("rpc", &[]),
    ("kafka-wire", &[]),
    ("replication", &["segment-log", "rpc"]),
    ("broker", &["replication", "metadata"]),
    ("grpc-api", &["broker", "rpc"]),
    ("kafka-listener", &["broker", "kafka-wire"]),
    (
        "server",
        &[
            "segment-log",
            "metadata",
            "rpc",
            "kafka-wire",
            "replication",
            "broker",
            "grpc-api",
            "kafka-listener",
        ],
    ),
    ("client", &["rpc"]),
    ("cli", &["client", "server", "segment-log"]),
];
const ONLY_UNSAFE_FILE: &str = "crates/segment-log/src/disk/mapping.rs";
/// The one of the tests: it takes the place of a function of the C library, so that simulations repeat themselves.
const ONLY_UNSAFE_TEST: &str = "tests/simulation/entropy.rs";
/// Bugs on purpose: of the tests alone.
const TEST_ONLY_FEATURE: &str = "planted-bugs";
/// Larger than any file should be, in lines; most are under 400.
const FILE_LINES_MAX: usize = 600;

#[test]
fn no_crate_names_another_that_the_picture_does_not_let_it_name() {
    let known: BTreeMap<_, _> = ARROWS.into_iter().collect();
    let mut wrong = Vec::new();
    for (name, dependencies) in crates() {
        let Some(allowed) = known.get(name.as_str()) else {
            wrong.push(format!(
                "{name} is not in the picture: add it here and there"
            ));
            continue;
        };
        for dependency in &dependencies {
            let is_ours = known.contains_key(dependency.as_str());
            if is_ours && dependency != "model" && !allowed.contains(&dependency.as_str()) {
                wrong.push(format!("{name} must not name {dependency}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn only_replication_names_openraft() {
    let names: Vec<_> = crates()
        .into_iter()
        .filter(|(_, dependencies)| dependencies.iter().any(|name| name == "openraft"))
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names, ["replication"]);
}

#[test]
fn crates_without_input_and_output_name_neither_an_async_runtime_nor_sockets() {
    for (name, dependencies) in crates() {
        if ["model", "metadata", "segment-log"].contains(&name.as_str()) {
            for banned in ["tokio", "tonic", "axum", "prost"] {
                let is_banned = dependencies.iter().any(|dependency| dependency == banned);
                assert!(!is_banned, "{name} must not name {banned}");
            }
        }
    }
}

#[test]
fn unsafe_code_is_allowed_in_one_file() {
    let allowing: Vec<_> = sources()
        .into_iter()
        .filter(|(_, text)| text.contains("allow(unsafe_code") || text.contains("unsafe {"))
        .map(|(path, _)| path)
        // Which names what it looks for.
        .filter(|path| !path.starts_with("tests/layering"))
        .collect();
    let only = [Path::new(ONLY_UNSAFE_FILE), Path::new(ONLY_UNSAFE_TEST)];
    assert_eq!(allowing, only);
}

#[test]
fn only_tests_can_switch_the_planted_bugs_on() {
    for (path, text) in manifests() {
        let is_ours =
            ["replication", "segment-log"].map(|name| format!("crates/{name}/Cargo.toml"));
        let may = is_ours.iter().any(|ours| path == Path::new(ours));
        let naming = text.lines().filter(|line| line.contains(TEST_ONLY_FEATURE));
        // A crate that has it may define it, and hand it on to the one below.
        let mut wrong = naming.filter(|line| !(may && line.starts_with(TEST_ONLY_FEATURE)));
        assert_eq!(wrong.next(), None, "{}", path.display());
        assert!(!text.contains("default = ["), "{}", path.display());
    }
}

#[test]
fn no_source_file_is_too_long_to_be_read() {
    for (path, text) in sources() {
        let lines = text.lines().count();
        assert!(
            lines <= FILE_LINES_MAX,
            "{} has {lines} lines, the most is {FILE_LINES_MAX}",
            path.display()
        );
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the tests lie in the workspace")
        .to_owned()
}

/// Every crate below `crates/` and what it names, for building and running: tests may name more.
fn crates() -> Vec<(String, Vec<String>)> {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--no-deps",
            "--format-version",
            "1",
            "--offline",
        ])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo metadata: {text}");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo speaks JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let mut found: Vec<_> = packages
        .iter()
        .filter(|package| {
            let manifest = Path::new(package["manifest_path"].as_str().unwrap());
            manifest.starts_with(root().join("crates"))
        })
        .map(|package| (directory_of(package), named_by(package)))
        .collect();
    found.sort();
    assert!(found.len() > 8, "crates are missing: {found:?}");
    found
}

/// The crate's directory is its name in the picture; `cli` builds the package and binary `strand`.
fn directory_of(package: &Value) -> String {
    let manifest = Path::new(package["manifest_path"].as_str().unwrap());
    let directory = manifest.parent().and_then(Path::file_name).unwrap();
    directory.to_string_lossy().into_owned()
}

fn named_by(package: &Value) -> Vec<String> {
    let dependencies = package["dependencies"].as_array().unwrap();
    dependencies
        .iter()
        .filter(|dependency| dependency["kind"] != "dev")
        .map(|dependency| dependency["name"].as_str().unwrap().to_owned())
        .collect()
}

/// The manifest of every crate below `crates/`, relative to the root.
fn manifests() -> Vec<(PathBuf, String)> {
    let crates = fs::read_dir(root().join("crates")).expect("the crates");
    crates
        .map(|entry| {
            let name = entry.expect("an entry").file_name();
            let path = Path::new("crates").join(name).join("Cargo.toml");
            let text = fs::read_to_string(root().join(&path)).expect("a manifest");
            (path, text)
        })
        .collect()
}

/// Every Rust file of the workspace's members, relative to the root.
fn sources() -> Vec<(PathBuf, String)> {
    let root = root();
    let mut found = Vec::new();
    let mut left = ["crates", "tests", "benches"]
        .map(|name| root.join(name))
        .to_vec();
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(&directory).expect("a directory of sources") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                if name != "target" && !name.starts_with('.') {
                    left.push(path);
                }
            } else if name.ends_with(".rs") {
                let text = fs::read_to_string(&path).expect("UTF-8");
                found.push((path.strip_prefix(&root).unwrap().to_owned(), text));
            }
        }
    }
    found.sort();
    found
}
